/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * png_shield.c - decode a mapped PNG picture with libpng, and survive the loss of a page
 *
 *	png_shield [--plain] [--lose OFFSET] FILE
 *
 * libpng reads its input with its own instructions, and so does zlib below it. A jump out of them
 * would leave what they have allocated. Under a shield they find zeros. libpng mostly notices, for
 * each chunk of the file has a checksum, but a picture can also come out, with wrong pixels. So the
 * program asks the shield whether anything that was read was a stand-in. decode.h has the options
 * and the exit status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "decode.h"

static int decode(const struct input *input)
{
	png_image image;
	unsigned char *pixels = NULL;
	unsigned long long sum = 0;
	int done;

	memset(&image, 0, sizeof(image));
	image.version = PNG_IMAGE_VERSION;
	done = png_image_begin_read_from_memory(&image, input->bytes, input->size);
	if (done != 0) {
		image.format = PNG_FORMAT_RGBA;
		pixels = malloc(PNG_IMAGE_SIZE(image));
		done = pixels != NULL && png_image_finish_read(&image, NULL, pixels, 0, NULL) != 0;
	}
	for (size_t i = 0; done != 0 && i < PNG_IMAGE_SIZE(image); i++)
		sum += pixels[i];
	printf("%u x %u pixels, their sum is %llu; libpng: %s\n", image.width, image.height, sum,
	       image.warning_or_error != 0 ? image.message : "no error");
	free(pixels);
	png_image_free(&image);
	return done != 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return decode_main(argc, argv, decode);
}
