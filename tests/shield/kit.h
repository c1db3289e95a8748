/* SPDX-License-Identifier: BSD-3-Clause */
/* kit.h - what the tests of shields share; for child processes */
#ifndef MCSAFE_TESTS_SHIELD_KIT_H
#define MCSAFE_TESTS_SHIELD_KIT_H

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <mcsafe/mcsafe.h>

#include "basics.h"

#define S_PAGES 16

/* A file of S_PAGES pages, and its shared mapping. Page i holds the byte i + 1. */
struct s_file {
	int fd;
	unsigned char *map;
};

/* A file whose page i holds the byte first + i. */
int s_make_file(unsigned char first);
unsigned char *s_map_file(int fd, int prot, int flags);

/* Make the file, map it, and install libmcsafe. */
struct s_file s_open_file(void);

/* Change the length of the file, in pages. */
void s_cut(const struct s_file *file, size_t pages);

/* Accesses of ordinary code, which the sanitizers do not see: other threads change the file. */
unsigned char s_load(const unsigned char *at);
void s_store(unsigned char *at, unsigned char byte);
void s_check_page(const unsigned char *page, unsigned char byte);

/* Open a shield; the size of the options is filled in. */
struct mcsafe_shield *s_shield_with(void *base, size_t len, struct mcsafe_shield_options with);
/* On all of a file whose descriptor the library is given: zeros. */
struct mcsafe_shield *s_shield_of(const struct s_file *file);

/* The stand-ins are pages [first, end), and no others. */
void s_check_lost(const struct mcsafe_shield *shield, size_t first, size_t end);

/* The POSIX record lock on a file that another process meets: F_UNLCK if there is none. */
int s_lock_of_another(int fd);

/* From now on, the system call fails with an error if its argument number `index` has that value in
 * its lower half: as older kernels, sandboxes and exhausted ones do. */
void s_refuse(int number, unsigned index, uint32_t value, uint32_t error);
/* For argument 1 of ioctl(2). */
#define S_PROCMAP_QUERY _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104)

/* Set handlers that jump to s_passed_on, and install libmcsafe. */
void s_watch(void);
extern sigjmp_buf s_passed_on;
extern siginfo_t s_passed;

/* The signal that an access raises; 0: it succeeds. After s_watch(). */
int s_signal_of(const unsigned char *at);
int s_signal_of_store(const unsigned char *at);

#endif /* MCSAFE_TESTS_SHIELD_KIT_H */
