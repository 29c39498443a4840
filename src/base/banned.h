/*
 * Functions that are never the right ones here; meson.build puts this file before every source, so that they do not compile.
 * Their headers come first, because a poisoned name may not even be declared afterwards.
 */
#ifndef COMITY_BASE_BANNED_H
#define COMITY_BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Macros of the C library's checking headers, and of <alloca.h>. */
#undef alloca
#undef sprintf
#undef vsprintf

/* They write without knowing where the room ends: memcpy with a checked size, snprintf, struct buffer. */
#pragma GCC poison strcpy strcat stpcpy sprintf vsprintf gets
/* They keep state between calls, or shared by threads: bytes_split, gmtime_r, strerror_r. */
#pragma GCC poison strtok gmtime localtime ctime asctime
/* They can't tell a number from no number: bytes_to_u64. */
#pragma GCC poison atoi atol atoll atof
/* They take memory from the stack by a size from outside. */
#pragma GCC poison alloca
/* They hand a text to a shell: posix_spawn, execve. */
#pragma GCC poison system popen
/* They can be guessed, or raced: random_fill, mkstemp, mkdtemp. */
#pragma GCC poison srand tmpnam tempnam mktemp
/* OpenSSL's headers have parameters of this name, so only the call is banned. */
#define rand(...) rand_is_banned_use_random_fill

#endif
