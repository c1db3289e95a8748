/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * launcher.c - starts a Java virtual machine in a process that has already installed libmcsafe
 *
 * launcher CLASSPATH LIBRARYPATH
 */
#include <jni.h>
#include <stdio.h>

#include <mcsafe/mcsafe.h>

int main(int argc, char **argv)
{
	char class_path[4096], library_path[4096];
	JavaVMOption options[2] = {{class_path, NULL}, {library_path, NULL}};
	JavaVMInitArgs args = {JNI_VERSION_1_8, 2, options, JNI_FALSE};
	jmethodID main_method;
	jobjectArray words;
	jclass host, string;
	JavaVM *vm;
	void *raw;
	JNIEnv *env;

	if (argc != 3 || mcsafe_install() != 0)
		return 1;
	snprintf(class_path, sizeof(class_path), "-Djava.class.path=%s", argv[1]);
	snprintf(library_path, sizeof(library_path), "-Djava.library.path=%s", argv[2]);
	if (JNI_CreateJavaVM(&vm, &raw, &args) != JNI_OK)
		return 1;
	env = raw;
	host = (*env)->FindClass(env, "Host");
	string = (*env)->FindClass(env, "java/lang/String");
	if (host == NULL || string == NULL)
		return 1;
	main_method = (*env)->GetStaticMethodID(env, host, "main", "([Ljava/lang/String;)V");
	words = (*env)->NewObjectArray(env, 1, string, (*env)->NewStringUTF(env, "before"));
	if (main_method == NULL || words == NULL)
		return 1;
	(*env)->CallStaticVoidMethod(env, host, main_method, words);
	if ((*env)->ExceptionCheck(env)) {
		(*env)->ExceptionDescribe(env);
		return 1;
	}
	return (*vm)->DestroyJavaVM(vm) == JNI_OK ? 0 : 1;
}
