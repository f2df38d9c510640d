/* version.h - what the programs say they are. CMakeLists.txt reads it here. */
#ifndef USHER_BASE_VERSION_H
#define USHER_BASE_VERSION_H

#define USHER_VERSION "0.1.0"

#endif
