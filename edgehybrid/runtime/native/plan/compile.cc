// Graph -> plan. Nodes are walked in order. Each one that computes something new becomes a step, and the chain of
// scales, activations, additions and quantisers behind it becomes that step's program, as far as it goes.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "graph/sums.h"
#include "plan/bconv_program.h"
#include "plan/bconv_step.h"
#include "plan/bit_planes.h"
#include "plan/chain.h"
#include "plan/compiled_plan.h"
#include "plan/conv_step.h"
#include "plan/plan.h"
#include "plan/reference_plan.h"
#include "plan/reference_step.h"
#include "plan/simple_steps.h"
#include "plan/widen_step.h"
#include "plan/window_step.h"

namespace edgehybrid {

namespace {

int ImagesOf(const Graph& graph) {
  return graph.outputs.empty() ? 1 : graph.values[static_cast<std::size_t>(graph.outputs[0])].shape.n;
}

class Compiler {
 public:
  Compiler(const Graph& graph, int threads, const Kernels& kernels, Profile* profile)
      : kernels_(kernels), threads_(threads),
        plan_(std::make_unique<CompiledPlan>(threads, ImagesOf(graph), profile)), reading_(graph),
        bits_(reading_), maps_(reading_, *plan_) {}

  std::unique_ptr<Plan> Compile() {
    for (int node = 0; node < static_cast<int>(reading_.graph().nodes.size()); ++node) {
      if (reading_.IsDone(node) || bits_.IsInside(node)) continue;
      const auto before = static_cast<std::ptrdiff_t>(reading_.done().size());
      AddStep(node);
      std::vector<int> nodes(reading_.done().begin() + before, reading_.done().end());
      std::sort(nodes.begin(), nodes.end());
      plan_->EndPart(std::move(nodes));
    }
    maps_.WriteOutputs();
    plan_->EndPart({});
    plan_->Finish();
    return std::move(plan_);
  }

 private:
  void AddStep(int index) {
    const Node& node = reading_.NodeAt(index);
    if (const BitSum* sum = bits_.SumAt(index)) return AddBitSum(index, node, *sum);
    switch (node.op) {
      case Op::kBconv2d:
        return AddBconv(index, node);
      case Op::kConv2d:
      case Op::kFullyConnected:
        return AddConv(index, node);
      case Op::kDepthwise:
      case Op::kMaxPool:
      case Op::kAveragePool:
      case Op::kMean:
      case Op::kSum:
        return AddWindow(index, node);
      case Op::kBMaxPool2d:
        return AddPackedPool(index, node);
      case Op::kConcat:
        return AddConcat(index, node);
      case Op::kReshape:
        return AddReshape(index, node);
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
      case Op::kRelu:
      case Op::kPrelu:
        return AddMap(index, node);
      case Op::kQuantize:
        return reading_.IsFloat(node.inputs[0]) ? AddMap(index, node) : AddWiden(index, node);
      case Op::kDequantize:
        return AddWiden(index, node);
    }
  }

  // What was read for the last time gives its memory back.
  void Finish(int index, const Node& node, std::unique_ptr<Step> step, const std::vector<int>& read) {
    plan_->Add(std::move(step));
    reading_.MarkDone(index);
    for (const int value : node.inputs) {
      if (value >= 0 && !reading_.IsConstant(value)) maps_.Release(value);
    }
    for (const int value : read) maps_.Release(value);
  }

  void AddBconv(int index, const Node& node) {
    const int out = node.outputs[0];
    const BconvShape shape = BconvShapeOf(node, reading_);
    const std::int32_t* filter = reading_.Words(node.inputs[1]);
    const Map input = maps_.Readable(node.inputs[0]);
    Chain chain(reading_, maps_, bits_);
    if (reading_.ValueAt(out).type == Type::kPacked) {
      AddThresholds(chain.program, reading_.Words(node.inputs[4]), shape, maps_.PackedMap(out));
    } else if (reading_.Readers(out).size() == 1 && reading_.IsSum(reading_.Readers(out)[0])) {
      return AddSum(index, node, shape, input);
    } else if (reading_.ValueAt(out).type == Type::kInt8) {
      AddTransform(chain.program, node, reading_, shape);
      chain.program.StoreInt8(maps_.NewDense(out));
    } else {
      AddTransform(chain.program, node, reading_, shape);
      chain.Follow(out);
      if (!SumsAreDoubled(shape)) chain.program.FoldIntoThreshold(shape.channels_out, shape.terms());
    }
    chain.program.Finish(kernels_, true);
    Finish(index, node, MakeBconvStep(kernels_, shape, OneBit(filter), input, std::move(chain.program), threads_),
           chain.read());
  }

  static BconvBits OneBit(const std::int32_t* filter) { return {1, {filter}, {0}}; }

  // The binary part of a split layer, and the whole: filters of zeros, scaled by 0, stand before its own, and to them
  // the float part is added from its map.
  void AddSum(int index, const Node& node, BconvShape shape, const Map& input) {
    const int concat = reading_.Readers(node.outputs[0])[0], whole = reading_.NodeAt(concat).outputs[0];
    const int before = reading_.ShapeOf(reading_.NodeAt(concat).inputs[0]).c;
    const Shape& kernel = reading_.ShapeOf(node.inputs[1]);
    const std::size_t words = static_cast<std::size_t>(kernel.h * kernel.w * ((kernel.c + 31) / 32));
    const std::int32_t* own = reading_.Words(node.inputs[1]);
    std::vector<std::int32_t> filter(static_cast<std::size_t>(before) * words, 0);
    filter.insert(filter.end(), own, own + static_cast<std::size_t>(shape.channels_out) * words);
    Chain chain(reading_, maps_, bits_);
    AddTransform(chain.program, node, reading_, shape, before, maps_.PartOfSum(whole, before));
    shape.channels_out += before;
    reading_.MarkDone(concat);
    chain.Follow(whole);
    chain.program.Finish(kernels_, true);
    Finish(index, node, MakeBconvStep(kernels_, shape, OneBit(filter.data()), input, std::move(chain.program), threads_),
           chain.read());
    maps_.ReleasePart(whole);
  }

  void AddBitSum(int index, const Node& node, const BitSum& sum) {
    const BconvShape shape = BconvShapeOf(reading_.NodeAt(sum.convolution), reading_);
    const Map input = maps_.Readable(sum.planes[0]);
    Chain chain(reading_, maps_, bits_);
    AddBitTransform(chain.program, sum, shape);
    chain.AddActivation(node.activation);
    chain.Follow(node.outputs[0]);
    if (!SumsAreDoubled(shape)) {
      chain.program.FoldIntoThreshold(shape.channels_out, static_cast<std::int32_t>(LargestCount(shape, sum.bits)));
    }
    chain.program.Finish(kernels_, true);
    for (const int part : sum.nodes) reading_.MarkDone(part);
    std::vector<int> read = chain.read();
    read.push_back(sum.planes[0]);
    Finish(index, node, MakeBconvStep(kernels_, shape, sum.bits, input, std::move(chain.program), threads_), read);
  }

  void AddConv(int index, const Node& node) {
    const int in = node.inputs[0], out = node.outputs[0];
    const int channels = reading_.ShapeOf(out).c;
    const Map input = maps_.Readable(in);
    Chain chain(reading_, maps_, bits_);
    chain.AddActivation(node.activation);
    chain.Follow(out);
    chain.program.Finish(kernels_, false);
    const bool in_parts = node.op == Op::kConv2d && AddsInParts(channels);
    Finish(index, node,
           MakeConvStep(kernels_, reading_.WindowOfNode(node), reading_.ShapeOf(in).c, channels,
                        reading_.Floats(node.inputs[1]), reading_.Floats(node.inputs[2]), in_parts, input,
                        std::move(chain.program), threads_),
           chain.read());
  }

  void AddWindow(int index, const Node& node) {
    const int in = node.inputs[0], out = node.outputs[0];
    const int channels = reading_.ShapeOf(out).c;
    const bool has_weights = node.op == Op::kDepthwise;
    if (has_weights && channels != reading_.ShapeOf(in).c) return AddReference(index, node);
    const Map input = maps_.Readable(in);
    Chain chain(reading_, maps_, bits_);
    WindowKind kind = node.op == Op::kMaxPool ? WindowKind::kMaxPool : WindowKind::kAveragePool;
    if (has_weights) kind = WindowKind::kDepthwise;
    if (node.op == Op::kMean || node.op == Op::kSum) kind = WindowKind::kSum;
    if (node.op == Op::kMean) {
      const float part = 1.0f / static_cast<float>(reading_.ShapeOf(in).pixels());
      chain.program.Scale(std::vector<float>(static_cast<std::size_t>(channels), part));
    }
    chain.AddActivation(node.activation);
    chain.Follow(out);
    chain.program.Finish(kernels_, false);
    Finish(index, node,
           MakeWindowStep(kernels_, kind, reading_.WindowOfNode(node), channels,
                          has_weights ? reading_.Floats(node.inputs[1]) : nullptr,
                          has_weights ? reading_.Floats(node.inputs[2]) : nullptr, input, std::move(chain.program)),
           chain.read());
  }

  void AddPackedPool(int index, const Node& node) {
    const Map input = maps_.Readable(node.inputs[0]);
    const Map output = maps_.PackedMap(node.outputs[0]);
    Finish(index, node, MakePackedPoolStep(reading_.WindowOfNode(node), input, output), {});
  }

  // A quantiser of integers, or what makes floats of bits and integers.
  void AddWiden(int index, const Node& node) {
    const int in = node.inputs[0], out = node.outputs[0];
    if (reading_.IsConstant(in)) return AddReference(index, node);
    const Value &from = reading_.ValueAt(in), &to = reading_.ValueAt(out);
    const auto channels = static_cast<std::size_t>(to.shape.c);
    const Map input = from.type == Type::kPacked ? maps_.Readable(in) : maps_.Dense(in);
    Chain chain(reading_, maps_, bits_);
    if (to.type == Type::kPacked) {
      const float least = from.type == Type::kInt8 ? static_cast<float>(from.zero_point) : 0.5f;
      chain.program.Pack(maps_.PackedMap(out), std::vector<float>(channels, least), std::vector<bool>(channels));
    } else if (to.type == Type::kFloat32) {
      chain.Follow(out);
    } else {
      // 256 steps saturate whatever the zero point is. A bool is 1 for 1, and 0 for -1.
      const bool is_int8 = to.type == Type::kInt8;
      const float step = is_int8 ? std::min(std::round(1.0f / to.scale), 256.0f) : 0.5f;
      chain.program.Scale(std::vector<float>(channels, step));
      chain.program.Bias(std::vector<float>(channels, is_int8 ? static_cast<float>(to.zero_point) : 0.5f));
      chain.program.StoreInt8(maps_.NewDense(out));
    }
    chain.program.Finish(kernels_, false);
    Finish(index, node, MakeWidenStep(from.type, input, to.shape.c, std::move(chain.program)), chain.read());
  }

  // An elementwise node, or a quantiser, that no step took along: a program of its own over the stored map.
  void AddMap(int index, const Node& node) {
    const int value = node.inputs[0];
    if (reading_.IsConstant(value) || !reading_.IsFloat(value)) return AddReference(index, node);
    const Map input = maps_.Readable(value);
    Chain chain(reading_, maps_, bits_);
    if (!chain.AddQuantiser(value, index)) {
      if (!chain.AddElementwise(value, index)) return AddReference(index, node);
      chain.Follow(node.outputs[0]);
    }
    chain.program.Finish(kernels_, false);
    Finish(index, node, MakeMapStep(input, std::move(chain.program)), chain.read());
  }

  // Inputs that were not computed in their places are copied there.
  void AddConcat(int index, const Node& node) {
    const int out = node.outputs[0];
    const auto is_constant = [this](int in) { return reading_.IsConstant(in); };
    if (!reading_.IsFloat(out) || std::any_of(node.inputs.begin(), node.inputs.end(), is_constant)) {
      return AddReference(index, node);
    }
    Map part = maps_.FloatMap(out);
    for (const int in : node.inputs) {
      const int bytes = reading_.ShapeOf(in).c * static_cast<int>(sizeof(float));
      if (!maps_.IsPlaced(in)) plan_->Add(MakeCopyStep(maps_.Readable(in), part, bytes));
      part.offset += bytes;
    }
    reading_.MarkDone(index);
    for (const int in : node.inputs) maps_.Release(in);
  }

  void AddReshape(int index, const Node& node) {
    const int in = node.inputs[0], out = node.outputs[0];
    if (reading_.ShapeOf(in).n != reading_.ShapeOf(out).n) return AddReference(index, node);
    maps_.Alias(out, in);
    reading_.MarkDone(index);
  }

  void AddReference(int index, const Node& node) {
    std::vector<int> in;
    for (const int value : node.inputs) {
      if (value >= 0 && !reading_.IsConstant(value)) in.push_back(maps_.DenseSlot(value));
    }
    const int out = maps_.NewDenseSlot(node.outputs[0]);
    Finish(index, node, MakeReferenceStep(reading_.graph(), node, std::move(in), out), {});
  }

  const Kernels& kernels_;
  const int threads_;
  std::unique_ptr<CompiledPlan> plan_;
  Reading reading_;
  const BitPlanes bits_;
  Maps maps_;
};

}  // namespace

std::unique_ptr<Plan> Compile(const Graph& graph, int threads, Isa isa, Profile* profile) {
  if (isa == Isa::kReference) return MakeReferencePlan(graph, profile);
  const Kernels* kernels = KernelsOf(isa);
  if (kernels == nullptr) throw std::invalid_argument("the library holds no kernels for this instruction set");
  return Compiler(graph, std::max(threads, 1), *kernels, profile).Compile();
}

}  // namespace edgehybrid
