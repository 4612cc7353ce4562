#include "delegate/host.h"

#include <cstring>

namespace edgehybrid {

namespace {

// Far above what TfLiteType, TfLiteAllocationType and TfLiteQuantizationType number today, far below a pointer's half.
constexpr int kMostKinds = 64;
constexpr int kMostRanks = 64;

int HostType(Type type) {
  switch (type) {
    case Type::kFloat32:
      return tflite::kFloat32;
    case Type::kInt8:
      return tflite::kInt8;
    case Type::kBool:
      return tflite::kBool;
    case Type::kInt32:
    case Type::kPacked:
      break;
  }
  return tflite::kInt32;
}

std::size_t BytesOfType(int type) { return type == tflite::kFloat32 || type == tflite::kInt32 ? 4 : 1; }

bool IsKind(int kind) { return kind >= 0 && kind < kMostKinds; }

bool IsPossible(const tflite::Tensor& tensor) {
  return IsKind(tensor.type) && IsKind(tensor.allocation_type) && IsKind(tensor.quantization_type) &&
         tensor.data_is_stale <= 1 && tensor.is_variable <= 1 &&
         reinterpret_cast<std::uintptr_t>(tensor.dims) % alignof(tflite::IntArray) == 0;
}

// Builtin operators, and versions of one: some 200 and 20 today.
constexpr int kMostNumbers = 1024;

Refused UnknownLayout(const std::string& what) {
  return Refused("this host's " + what + " are laid out in a way that is not known here; use LiteRT 1.4 to 2.x, "
                 "tflite-runtime 2.14 or TensorFlow 2.16 to 2.21");
}

bool IsOperatorOrVersion(int number) { return number >= 0 && number < kMostNumbers; }

}  // namespace

void RequireKnownLayout(const tflite::Registration& registration) {
  if (!IsOperatorOrVersion(registration.builtin_code) || !IsOperatorOrVersion(registration.version)) {
    throw UnknownLayout("operators");
  }
}

void HostTensors::CheckLayout() const {
  const Refused unknown = UnknownLayout("tensors");
  if (context_.tensors == nullptr || context_.tensors_size > INT32_MAX) throw unknown;
  // All of them before any pointer of theirs is followed.
  for (std::size_t i = 0; i < context_.tensors_size; ++i) {
    if (!IsPossible(context_.tensors[i])) throw unknown;
  }
  for (std::size_t i = 0; i < context_.tensors_size; ++i) {
    const tflite::Tensor& tensor = context_.tensors[i];
    const bool is_known =
        tensor.type == tflite::kFloat32 || tensor.type == tflite::kInt32 || tensor.type == tflite::kInt8;
    if (!is_known || tensor.allocation_type != tflite::kMmapRo || tensor.dims == nullptr || tensor.sparsity != nullptr) {
      continue;
    }
    if (tensor.dims->size < 0 || tensor.dims->size > kMostRanks) throw unknown;
    std::size_t bytes = BytesOfType(tensor.type);
    for (int d = 0; d < tensor.dims->size; ++d) bytes *= static_cast<std::size_t>(tensor.dims->data[d]);
    if (bytes != tensor.bytes) throw unknown;
  }
}

const tflite::Tensor& HostTensors::At(int index) const {
  if (index == -1) throw Refused("it lacks a tensor that its operator needs");
  if (index < 0 || static_cast<std::size_t>(index) >= context_.tensors_size) {
    throw Refused("it names tensor " + std::to_string(index) + " of " + std::to_string(context_.tensors_size));
  }
  return context_.tensors[index];
}

std::vector<int> HostTensors::Dims(int index) const {
  const tflite::IntArray* dims = At(index).dims;
  if (dims == nullptr || dims->size < 0 || dims->size > kMostRanks) {
    throw Refused("tensor " + NameOf(index) + " has no shape");
  }
  const std::vector<int> found = ListOf(dims);
  std::int64_t elements = 1;
  for (const int dim : found) {
    if (dim < 1 || elements > kMostElements / dim) {
      throw Refused("tensor " + NameOf(index) + " has the shape " + TextOf(found) + "; sizes from 1 and at most " +
                    std::to_string(kMostElements) + " elements are allowed");
    }
    elements *= dim;
  }
  return found;
}

Value HostTensors::Constant(int index, Type type) const {
  const tflite::Tensor& tensor = At(index);
  if (tensor.type != HostType(type)) throw Refused("tensor " + NameOf(index) + " has another type than is allowed");
  if (tensor.allocation_type != tflite::kMmapRo || tensor.data == nullptr || tensor.sparsity != nullptr) {
    throw Refused("tensor " + NameOf(index) + " is no dense constant");
  }
  std::int64_t bytes = static_cast<std::int64_t>(BytesOfType(tensor.type));
  for (const int dim : Dims(index)) bytes *= dim;
  if (tensor.bytes != static_cast<std::size_t>(bytes)) {
    throw Refused("tensor " + NameOf(index) + " has " + std::to_string(tensor.bytes) + " bytes where its shape needs " +
                  std::to_string(bytes));
  }
  if (reinterpret_cast<std::uintptr_t>(tensor.data) % BytesOfType(tensor.type) != 0) {
    throw Refused("tensor " + NameOf(index) + " is not aligned in the flatbuffer");
  }
  Value value;
  value.type = type;
  value.constant = tensor.data;
  return value;
}

Value HostTensors::Map(int index, Type type) const {
  const tflite::Tensor& tensor = At(index);
  if (tensor.type != HostType(type)) throw Refused("tensor " + NameOf(index) + " has another type than is allowed");
  RequireComputed(index);
  Value value;
  value.type = type;
  value.shape = MapShape(Dims(index));
  if (type == Type::kPacked) {
    if (value.shape.c > kMostElements / 32) throw Refused("tensor " + NameOf(index) + " has too many words");
    value.shape.c *= 32;
  }
  if (type == Type::kInt8) {
    value.scale = tensor.scale;
    value.zero_point = tensor.zero_point;
    if (value.zero_point < -128 || value.zero_point > 127) {
      throw Refused("tensor " + NameOf(index) + " has the zero point " + std::to_string(value.zero_point) +
                    "; -128 to 127 are allowed");
    }
  }
  return value;
}

Value HostTensors::WholeNumbers(int index) const {
  const int type = At(index).type;
  if (type != tflite::kInt16 && type != tflite::kInt32) {
    throw Refused("tensor " + NameOf(index) + " is no map of int16 or int32");
  }
  RequireComputed(index);
  Value value;
  value.shape = MapShape(Dims(index));
  return value;
}

void HostTensors::RequireComputed(int index) const {
  if (!IsConstant(index) && At(index).is_variable == 0) return;
  throw Refused("tensor " + NameOf(index) + " is a constant or a variable where a computed map is expected");
}

std::string HostTensors::NameOf(int index) const {
  constexpr std::size_t kLongest = 200;
  const char* name = At(index).name;
  return "'" + (name == nullptr ? std::to_string(index) : std::string(name, strnlen(name, kLongest))) + "'";
}

std::vector<int> ListOf(const tflite::IntArray* array) {
  return array == nullptr ? std::vector<int>() : std::vector<int>(array->data, array->data + array->size);
}

Shape MapShape(const std::vector<int>& dims) {
  switch (dims.size()) {
    case 2:
      return Shape{dims[0], 1, 1, dims[1]};
    case 3:
      return Shape{dims[0], 1, dims[1], dims[2]};
    case 4:
      return Shape{dims[0], dims[1], dims[2], dims[3]};
    default:
      throw Refused("a map has the shape " + TextOf(dims) + "; two to four dimensions are allowed");
  }
}

std::string TextOf(const std::vector<int>& dims) {
  std::string text = "(";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + ")";
}

}  // namespace edgehybrid
