// SPDX-License-Identifier: BSD-3-Clause
// host.go - Go still uses SIGSEGV while libmcsafe is installed: nil, and SetPanicOnFault
package main

// #include "faults.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
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

func main() {
	check(C.faults_install() == 0, "install")
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
