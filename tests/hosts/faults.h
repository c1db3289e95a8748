/* SPDX-License-Identifier: BSD-3-Clause */
/* faults.h - copies from bad memory, for hosts that are not written in C */
#ifndef MCSAFE_TESTS_HOSTS_FAULTS_H
#define MCSAFE_TESTS_HOSTS_FAULTS_H

#ifdef __cplusplus
extern "C" {
#endif

/* A result that is not 0 is an error. */
int faults_install(void);

/* n copies that stop at a page past the end of a file, and n that stop at a protected page. */
int faults_recover(int n);

/*
 * faults_start() starts two threads that make such copies until faults_stop() is called. That
 * returns how many faults they had, or -1 if a count was wrong.
 */
int faults_start(void);
long faults_stop(void);

/* An address whose access raises SIGSEGV. */
void *faults_bad_address(void);

#ifdef __cplusplus
}
#endif

#endif /* MCSAFE_TESTS_HOSTS_FAULTS_H */
