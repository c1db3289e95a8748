/* SPDX-License-Identifier: BSD-3-Clause */
/* static.c - a program without a dynamic loader */
int main(void)
{
	return 0;
}
