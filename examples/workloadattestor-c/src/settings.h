/* The settings of the example: a reader for the one shape of JSON that its schema allows.
 *
 *   {"selectors": ["team:payments", ...], "uid": true}
 *
 * The host hands over canonical JSON that it has checked against the schema. A plugin should
 * still not trust its own reader blindly, so this one checks everything again and has limits. */
#ifndef C_EXAMPLE_SETTINGS_H
#define C_EXAMPLE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SETTINGS_MAX_SELECTORS 64
#define SETTINGS_MAX_LENGTH 1024 /* bytes of one selector */

typedef struct settings {
  uint32_t references; /* the owner's; settings_parse() sets 1 */
  uint32_t uid;        /* 1: emit uid:<n> */
  size_t count;
  char* selectors[SETTINGS_MAX_SELECTORS]; /* UTF-8, NUL-ended */
} settings;

/* Reads the JSON text. NULL on an error, and *error then says what is wrong (a constant text).
 * The result is freed by settings_free(). */
settings* settings_parse(const uint8_t* json, size_t size, const char** error);
void settings_free(settings* s); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
