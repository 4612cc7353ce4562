// The part of TensorFlow Lite's C structures that an external delegate meets, declared by hand: no wheel brings the
// headers, and the opaque interface cannot be linked because hosts export none of its functions.
//
// Source: tflite/core/c/common.h and builtin_op_data.h of LiteRT, unchanged in this part since TensorFlow Lite 2.3.
// Fields that we do not read are named where they hold a place. HostTensors and RequireKnownLayout check what they can
// before we trust this.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgehybrid::tflite {

enum Status : int { kOk = 0, kError = 1 };

// TfLiteType
constexpr int kFloat32 = 1, kInt32 = 2, kBool = 6, kInt16 = 7, kInt8 = 9;
// TfLiteAllocationType: constants of the flatbuffer, mapped read-only
constexpr int kMmapRo = 1;
// TfLiteDelegateFlags. Without it the host prepares Larq's operators itself before it asks us, and finds them unknown.
constexpr std::int64_t kAllowDynamicTensors = 1;
// TfLiteBuiltinOperator
constexpr std::int32_t kAdd = 0, kAveragePool2d = 1, kConcatenation = 2, kConv2d = 3, kDepthwiseConv2d = 4,
                       kFullyConnected = 9, kMaxPool2d = 17, kMul = 18, kRelu = 19, kReluN1To1 = 20, kRelu6 = 21,
                       kReshape = 22, kCustom = 32, kMean = 40, kSub = 41, kDelegate = 51, kPrelu = 54;
// TfLitePadding
constexpr int kPaddingSame = 1, kPaddingValid = 2;

// Made by malloc where the host is to own it.
struct IntArray {
  int size;
  int data[];
};

struct Tensor {
  int type;
  void* data;
  IntArray* dims;
  float scale;
  std::int32_t zero_point;
  int allocation_type;
  std::size_t bytes;
  const void* allocation;
  const char* name;
  void* delegate;
  int buffer_handle;
  std::uint8_t data_is_stale;
  std::uint8_t is_variable;
  int quantization_type;
  void* quantization_params;
  void* sparsity;
  const IntArray* dims_signature;
};

struct Delegate;

struct NodeStruct {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  Delegate* delegate;
};

struct Context;

struct Registration {
  void* (*init)(Context*, const char* buffer, std::size_t length);
  void (*free)(Context*, void* buffer);
  Status (*prepare)(Context*, NodeStruct*);
  Status (*invoke)(Context*, NodeStruct*);
  const char* (*profiling_string)(const Context*, const NodeStruct*);
  std::int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* async_kernel;
  std::uint64_t inplace_operator;
};

// The host takes the structure by value, and it has grown. One larger than the host's does no harm: System V on x86-64
// lets the callee read the front of it on the stack, AAPCS64 passes its address. A smaller one would.
struct RegistrationWithRoom {
  Registration registration;
  std::uint64_t room[16];
};

struct Context {
  std::size_t tensors_size;
  Status (*GetExecutionPlan)(Context*, IntArray** plan);
  Tensor* tensors;
  void* impl;
  Status (*ResizeTensor)(Context*, Tensor*, IntArray* dims);  // takes the array
  void (*ReportError)(Context*, const char* format, ...);
  Status (*AddTensors)(Context*, int count, int* first);
  Status (*GetNodeAndRegistration)(Context*, int index, NodeStruct** node, Registration** registration);
  Status (*ReplaceNodeSubsetsWithDelegateKernels)(Context*, RegistrationWithRoom, const IntArray* nodes, Delegate*);
  int recommended_num_threads;
};

struct Delegate {
  void* data;
  Status (*Prepare)(Context*, Delegate*);
  void* copy_from_buffer_handle;
  void* copy_to_buffer_handle;
  void* free_buffer_handle;
  std::int64_t flags;
  void* opaque_delegate_builder;
};

// What init() of a delegate's kernel gets as its buffer.
struct DelegateParams {
  Delegate* delegate;
  IntArray* nodes;
  IntArray* inputs;
  IntArray* outputs;
};

struct ConvParams {
  int padding, stride_width, stride_height, activation, dilation_width, dilation_height;
};
struct DepthwiseConvParams {
  int padding, stride_width, stride_height, depth_multiplier, activation, dilation_width, dilation_height;
};
struct PoolParams {
  int padding, stride_width, stride_height, filter_width, filter_height, activation;
};
struct FullyConnectedParams {
  int activation, weights_format;
};
struct ActivationParams {  // ADD, SUB, MUL
  int activation;
};
struct ConcatenationParams {
  int axis, activation;
};

#if defined(__LP64__)
static_assert(offsetof(Tensor, dims) == 16 && offsetof(Tensor, allocation_type) == 32);
static_assert(offsetof(Tensor, bytes) == 40 && offsetof(Tensor, name) == 56);
static_assert(offsetof(Tensor, is_variable) == 77 && offsetof(Tensor, quantization_type) == 80);
static_assert(offsetof(Tensor, sparsity) == 96 && sizeof(Tensor) == 112);
static_assert(offsetof(NodeStruct, user_data) == 32 && offsetof(NodeStruct, custom_initial_data) == 48);
static_assert(offsetof(Registration, builtin_code) == 40 && offsetof(Registration, custom_name) == 48);
static_assert(sizeof(Registration) == 88);
static_assert(offsetof(Context, tensors) == 16 && offsetof(Context, ResizeTensor) == 32);
static_assert(offsetof(Context, GetNodeAndRegistration) == 56 && offsetof(Context, recommended_num_threads) == 72);
static_assert(offsetof(Delegate, flags) == 40 && sizeof(Delegate) == 56);
static_assert(sizeof(DelegateParams) == 32);
static_assert(sizeof(ConvParams) == 24 && sizeof(DepthwiseConvParams) == 28 && sizeof(PoolParams) == 24);
static_assert(sizeof(FullyConnectedParams) == 8 && sizeof(ActivationParams) == 4 && sizeof(ConcatenationParams) == 8);
#else
#error "The layouts are checked for 64-bit hosts only."
#endif

}  // namespace edgehybrid::tflite
