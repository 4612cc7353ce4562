// What a set of kernels offers to plans. Every kernel is written once, over the lanes of simd/, and compiled for each
// instruction set; all sets give the same bits.
//
// Channels come in groups of 16, the lanes of a vector. Weights, vectors over channels and float maps are padded to
// whole groups; the lanes behind the last channel hold 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/isa.h"

namespace edgehybrid {

constexpr int kLanes = 16;

// A strip is what a producer computed of some pixels, before anything reads it: [pixel][groups * 16], int32 or float.

// Binary convolution of a strip: for each pixel and output channel, in how many bits the input words differ from the
// weights. Numbers of several bits are planes of one bit: a pass counts one plane of a pixel against one filter, and
// the passes are summed by Horner's rule.
struct BconvPass {
  int plane, filter;
  int doublings;                       // of the sum of the passes before this one
};

struct BconvStrip {
  const std::uint8_t* input;           // of the pixel at offset 0
  const std::int32_t* pixel_offsets;   // bytes, one for each pixel
  int pixels;
  const std::int32_t* word_offsets;    // [plane][word], bytes from a pixel to each of its words
  int words;                           // of a plane
  const std::uint32_t* weights;        // [group][filter][word][lane]
  int filters, groups;
  const BconvPass* passes;
  int pass_count;
  std::int32_t* sums;                  // [pixel][stride]
  std::ptrdiff_t stride;
};

// Convolution of a strip in full precision: sum = bias, then one fused multiply-add an input, in the order of offsets.
struct ConvStrip {
  const float* input;
  const std::int32_t* pixel_offsets;   // floats
  int pixels;
  const std::int32_t* input_offsets;   // floats from a pixel to each of its inputs
  int inputs;
  const float* weights;                // [group][input][lane]
  const float* bias;                   // [group][lane]
  int groups;
  float* sums;                         // [pixel][stride]
  std::ptrdiff_t stride;
};

// The same for at most 16 output channels: lanes run along the inputs.
struct DotStrip {
  const float* input;
  const std::int32_t* pixel_offsets;   // floats, rising by whole vectors
  int pixels;
  const std::int32_t* vector_offsets;  // floats from a pixel to each of its vectors of 16 inputs, rising like that
  int vectors;
  const float* weights;                // [channel][vector][lane]
  const float* bias;
  int channels;
  float* sums;                         // [pixel][stride]; what lies behind the last channel stays
  std::ptrdiff_t stride;
};

// Depthwise convolution, and pools, of a strip: one channel in, one out. taps[i] stands for one place of the window;
// a place outside of the map is left out by the caller.
struct WindowStrip {
  const float* input;                  // of the pixel, channel 0
  const std::int32_t* tap_offsets;     // floats from the pixel to each place
  const std::int32_t* tap_numbers;     // which weights belong to it; unused by pools
  int taps;
  const float* weights;                // [place][groups * 16]
  const float* bias;                   // [groups * 16]
  float divisor;                       // of the average
  int groups;
  float* sums;                         // of one pixel
};

// What is done to each value of a strip, in order, before the next step reads it: kernels/program/micros.inc.
enum class Micro : std::uint8_t {
#define EDGEHYBRID_MICRO(kind) kind,
#include "kernels/program/micros.inc"
#undef EDGEHYBRID_MICRO
};

struct MicroOp {
  Micro kind;
  const float* a = nullptr;
  const std::int32_t* signs = nullptr;  // 0 or the sign bit; null: all 0
  float low = 0, high = 0;
  int channels = 0;                     // kBiasPart, kStorePart, kStoreInt8: of the map
  std::ptrdiff_t step = 0;              // bytes from a pixel of the map to the next
};

// Where an operation reads or writes: channel 0 of the first pixel, and the bytes from one row to the next.
struct MapRows {
  std::uint8_t* base = nullptr;
  std::ptrdiff_t row = 0;
};

struct ProgramStrip {
  const void* strip;            // int32 or float, row behind row
  std::ptrdiff_t stride;        // lanes from one pixel of the strip to the next
  int rows, pixels;             // pixels of a row
  int first_group, groups;      // the strip's part of the channels
  const MicroOp* ops;
  const MapRows* maps;          // one an operation
  int count;                    // of operations
};

using ProgramKernel = void (*)(const ProgramStrip&);

// acc > threshold, flipped where flips says so, as bits: what a convolution whose only reader is a quantiser writes.
struct ThresholdStrip {
  const std::int32_t* strip;
  std::ptrdiff_t stride;
  int rows, pixels;
  int first_group, groups;
  const std::int32_t* thresholds;
  const std::uint16_t* flips;   // a bit a lane, one entry a group
  MapRows map;
  std::ptrdiff_t step;          // bytes from a pixel of the map to the next
};

// Words of two taps each, of a map with at most 16 channels (16 bits a pixel).
struct JoinStrip {
  const std::uint8_t* low;      // of the first pixel
  const std::uint8_t* high;     // null: no second tap
  std::ptrdiff_t row;           // bytes from one row of the map to the next that is read
  int step;                     // pixels of the map from one to the next that is read: 1 or 2
  int rows, pixels;             // pixels of a row
  std::uint32_t* words;         // row behind row, and up to 15 behind the last
};

// A binary 3×3 convolution of a map with at most 32 channels, whose sums stay in registers until what follows them is
// done. Its window is nine words of one place each. Of at most 16 channels it is five: three are two places side by
// side, which lie in the map as they are, and two are joined.
constexpr int kWholeWords = 9, kHalvedWords = 5;
struct NarrowStrip {
  const std::uint8_t* input;       // of the first place of the first pixel
  std::ptrdiff_t row, step;        // bytes from one row, and from one pixel, to the next that is read
  std::int32_t offsets[3];         // bytes from the first place to words 0, 3 and 6; of halved ones, to 0, 2 and 3
  const std::uint32_t* joined[2];  // halved words 1 and 4 of each pixel, row behind row
  const std::uint32_t* weights;    // [group][word][lane]
  ProgramStrip program;            // what follows; its strip is not read
};

using NarrowKernel = void (*)(const NarrowStrip&);

struct Kernels {
  Isa isa;
  void (*bconv)(const BconvStrip&);
  void (*conv)(const ConvStrip&);
  void (*dot)(const DotStrip&);
  void (*depthwise)(const WindowStrip&);
  void (*max_pool)(const WindowStrip&);
  void (*average_pool)(const WindowStrip&);
  // The kernel compiled for just this sequence, or the one that interprets any.
  ProgramKernel (*program)(const MicroOp* ops, int count, bool from_ints);
  void (*threshold)(const ThresholdStrip&);
  void (*join)(const JoinStrip&);
  // The convolution of so many words with just this sequence behind it, or null: then one is run behind the other.
  NarrowKernel (*narrow)(const MicroOp* ops, int count, int words);
};

// The kernels of a set, or null where this library was not compiled with them.
const Kernels* KernelsOf(Isa isa);

}  // namespace edgehybrid
