/* Images of bytes, placed into the program's: centred, and in training mirrored and shifted as drawn. */
#ifndef RUNTIME_RT_IMAGE_H
#define RUNTIME_RT_IMAGE_H

#include "abi/program.h"

typedef struct RtImage {
  uint64_t chans, height, width; /* at most the value's height and width */
  const uint8_t *pixels;
} RtImage;

/* `key`: of what is drawn; NULL: as it is. `to` has the value's channels, height and width; what the image
 * does not cover is 0. */
void rt_image_put(const RtImage *image, const TessValue *v, const uint64_t *key, uint8_t *to);

#endif
