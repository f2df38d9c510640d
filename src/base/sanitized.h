/* sanitized.h - which sanitizers the compiler has built in: GCC says it by macros, Clang by
 * features.
 *
 * IS_ADDRESS_SANITIZED, and IS_SANITIZED: with that or another one that has memory maps of its own.
 */
#ifndef USHER_BASE_SANITIZED_H
#define USHER_BASE_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_ADDRESS_SANITIZED
#endif
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IS_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(IS_ADDRESS_SANITIZED)
#define IS_ADDRESS_SANITIZED
#endif
#if (defined(IS_ADDRESS_SANITIZED) || defined(__SANITIZE_THREAD__)) && !defined(IS_SANITIZED)
#define IS_SANITIZED
#endif

#endif
