/* SPDX-License-Identifier: BSD-3-Clause */
/* jni.c - faults.h for Java */
#include <jni.h>

#include <mcsafe/mcsafe.h>

#include "faults.h"

JNIEXPORT jint JNICALL Java_Host_install(JNIEnv *env, jclass self);
JNIEXPORT jint JNICALL Java_Host_recover(JNIEnv *env, jclass self, jint n);
JNIEXPORT jint JNICALL Java_Host_start(JNIEnv *env, jclass self);
JNIEXPORT jlong JNICALL Java_Host_stop(JNIEnv *env, jclass self);

JNIEXPORT jint JNICALL Java_Host_install(JNIEnv *env, jclass self)
{
	(void)env;
	(void)self;
	return faults_install();
}

JNIEXPORT jint JNICALL Java_Host_recover(JNIEnv *env, jclass self, jint n)
{
	(void)env;
	(void)self;
	return faults_recover(n);
}

JNIEXPORT jint JNICALL Java_Host_start(JNIEnv *env, jclass self)
{
	(void)env;
	(void)self;
	return faults_start();
}

JNIEXPORT jlong JNICALL Java_Host_stop(JNIEnv *env, jclass self)
{
	(void)env;
	(void)self;
	return faults_stop();
}
