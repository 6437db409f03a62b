/* Writing JSON. */
#ifndef TOOLS_TESSERA_JSON_H
#define TOOLS_TESSERA_JSON_H

#include <stdio.h>

/* The text in quotes, or null. */
void json_text(FILE *out, const char *text);
/* A number with enough digits to come back as it is, or null for what is none. */
void json_number(FILE *out, double v);

#endif
