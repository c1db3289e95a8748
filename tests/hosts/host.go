// SPDX-License-Identifier: BSD-3-Clause
// host.go - Go still uses SIGSEGV while libmcsafe is installed: nil, and SetPanicOnFault
package main

// #include <mcsafe/mcsafe.h>
// #include "faults.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"
)

type host struct{ field int }

var sink int

func caught(f func()) (hit bool) {
	defer func() {
		if e := recover(); e != nil {
			_, hit = e.(runtime.Error)
		}
	}()
	f()
	return false
}

func check(condition bool, what string) {
	if !condition {
		fmt.Fprintln(os.Stderr, "not true:", what)
		os.Exit(1)
	}
}

func work(rounds int) {
	var none *host
	bad := (*byte)(unsafe.Pointer(C.faults_bad_address()))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	debug.SetPanicOnFault(true)
	for i := 0; i < rounds; i++ {
		check(caught(func() { sink = none.field }), "recover from nil")
		check(caught(func() { sink = int(*bad) }), "SetPanicOnFault")
		check(C.faults_recover(10) == 0, "copies")
		if i%50 == 0 {
			runtime.GC()
		}
	}
}

// A file that was truncated after it was mapped: one call of C, an exact count and a cause.
func truncated() {
	file, err := os.CreateTemp("", "mcsafe-go-")
	check(err == nil, "a file")
	os.Remove(file.Name())
	defer file.Close()
	check(file.Truncate(8192) == nil, "8192 bytes")
	mapped, err := syscall.Mmap(int(file.Fd()), 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	check(err == nil, "map")
	defer syscall.Munmap(mapped)
	check(file.Truncate(4096) == nil, "4096 bytes")
	bytes := make([]byte, 8192)
	var fault C.struct_mcsafe_fault
	left := C.mcsafe_memcpy(unsafe.Pointer(&bytes[0]), unsafe.Pointer(&mapped[0]), 8192, &fault)
	check(left == 4096, "the count of a copy from a truncated file")
	check(fault.cause == C.MCSAFE_CAUSE_IO, "its cause")
}

func main() {
	check(C.faults_install() == 0, "install")
	truncated()
	check(C.faults_start() == 0, "start")
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			work(500)
		}()
	}
	all.Wait()
	faults := C.faults_stop()
	check(faults > 0, "faults in other threads")
	fmt.Println("2000 times nil, 2000 bad addresses,", faults, "faults in other threads")
}
