/* version.h - what the programs say they are. The same as in CMakeLists.txt's project(). */
#ifndef USHER_BASE_VERSION_H
#define USHER_BASE_VERSION_H

#define USHER_VERSION "0.1.0"

#endif
