// SPDX-License-Identifier: BSD-3-Clause

// run_victim.go - a program whose runtime has a handler of SIGBUS that reports, and dies
//
// run_victim FILE: map the file, truncate it to one page, and read it in several goroutines.
package main

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	info, err := file.Stat()
	check(err)
	data, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ,
		syscall.MAP_SHARED)
	check(err)
	check(os.Truncate(os.Args[1], 4096))

	var group sync.WaitGroup
	totals := make([]int, 8)
	for i := range totals {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for at := i * 64; at < len(data); at += 8 * 64 {
				totals[i] += int(data[at])
			}
		}(i)
	}
	group.Wait()
	total := 0
	for _, part := range totals {
		total += part
	}
	fmt.Printf("lived: %d\n", total)
	os.Exit(3)
}
