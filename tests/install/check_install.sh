#!/usr/bin/env bash
# Installs into an empty prefix and builds the example from there, found by pkg-config and by
# find_package, as C11 and as C++17, shared and static; each must learn XOR.  Takes the CPU
# reference as the device, which every machine has: what is tested is the installation.
#
#   check_install.sh CMAKE BUILD SOURCE WORK CC CXX
set -euo pipefail
cmake=$1 build=$2 source=$3 work=$4 cc=$5 cxx=$6
prefix=$(realpath -m "$work/prefix") example=$source/examples/xor_fashion.c
flags=(-Wall -Wextra -Wpedantic -Werror)

# learns PROGRAM shared|static: the right library, and every row of XOR.
learns() {
    local text libraries
    libraries=$(ldd "$1")
    case $2 in
    shared) [[ $libraries == *"libclgrad.so.0 => $prefix/"* ]] ;;
    static) [[ $libraries != *libclgrad* ]] ;;
    esac || {
        printf '%s is not linked %s:\n%s\n' "$1" "$2" "$libraries"
        exit 1
    }
    text=$("$1" ref xor)
    [[ $text == *"xor: test accuracy 100.00 %"* ]] || {
        printf '%s does not learn XOR:\n%s\n' "$1" "$text"
        exit 1
    }
    echo "ok: $1"
}

rm -rf "$prefix" "$work/pkg-config" "$work/consumer"
mkdir -p "$work/pkg-config"
DESTDIR='' "$cmake" --install "$build" --prefix "$prefix" >/dev/null
version=$(sed -n 's/^#define CLG_VERSION "\(.*\)"/\1/p' "$prefix/include/clgrad/clgrad.h")
[[ -n $version && $("$prefix/bin/clgrad" --version) == *"$version"* ]] || {
    echo "the installed program does not say that it is $version"
    exit 1
}

pc=$(find "$prefix" -name clgrad.pc)
export PKG_CONFIG_PATH=${pc%/*}
read -ra cflags <<<"$(pkg-config --cflags clgrad)"
read -ra libs <<<"$(pkg-config --libs clgrad)"
read -ra static_libs <<<"$(pkg-config --libs --static clgrad)"
libdir=$(realpath "$(pkg-config --variable=libdir clgrad)")
# -lclgrad takes the shared library where both are there: static linking names the archive, the whole
# of it here, so that a library missing from the list is noticed.
archive=-Wl,--whole-archive,$libdir/libclgrad.a,--no-whole-archive
static_libs=("${static_libs[@]/#-lclgrad/$archive}")
for language in c c++; do
    if [[ $language == c ]]; then
        compiler=("$cc" -std=c11)
    else
        compiler=("$cxx" -x c++ -std=c++17)
    fi
    object=$work/pkg-config/$language.o
    "${compiler[@]}" "${flags[@]}" "${cflags[@]}" -c "$example" -o "$object"
    program=$work/pkg-config/$language
    "${compiler[0]}" "$object" "${libs[@]}" "-Wl,-rpath,$libdir" -o "${program}_shared"
    "${compiler[0]}" "$object" "${static_libs[@]}" -o "${program}_static"
    learns "${program}_shared" shared
    learns "${program}_static" static
done

"$cmake" -S "$source/tests/install/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" -DEXAMPLE="$example" >"$work/consumer.log"
"$cmake" --build "$work/consumer" >>"$work/consumer.log" || {
    cat "$work/consumer.log"
    exit 1
}
for language in c cpp; do
    learns "$work/consumer/${language}_shared" shared
    learns "$work/consumer/${language}_static" static
done
