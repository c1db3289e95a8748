/* SPDX-License-Identifier: BSD-3-Clause */
/* faults.h - copies from bad memory, for hosts that are not written in C */
#ifndef MCSAFE_TESTS_HOSTS_FAULTS_H
#define MCSAFE_TESTS_HOSTS_FAULTS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Nonzero results are errors. */
int faults_install(void);

/* n copies that stop at a page past the end of a file, and n at one that is protected. */
int faults_recover(int n);

/* Two threads that do so until told to stop; how many faults they had, or -1 for a wrong count. */
int faults_start(void);
long faults_stop(void);

/* An address whose access raises SIGSEGV. */
void *faults_bad_address(void);

#ifdef __cplusplus
}
#endif

#endif /* MCSAFE_TESTS_HOSTS_FAULTS_H */
