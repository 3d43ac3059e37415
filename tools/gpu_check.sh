#!/usr/bin/env bash
# Builds sotto with its kernels for CUDA devices (preset cuda), compares all of them on a device of this machine with
# their twins on the processor, and whole private steps with autograd on one record at a time; times them, trains on the
# device and measures whole steps there. For a machine with an NVIDIA GPU of compute capability 8.0 or newer and a driver
# for CUDA 13.
#
#   tools/gpu_check.sh          set up as tools/setup.sh does, add CUDA's libraries to LibTorch (4 GB, into .cache), then
#                               build, test and measure
#   LibTorch_ROOT=DIR tools/gpu_check.sh     use this LibTorch, which must be whole, and install none
#
# Its programs have run on one NVIDIA H200 (benchmarks/README.md); the script as a whole has run on machines without a GPU
# only, where it builds everything and then says what is missing. Please report a failure with the whole output, and
# figures with the name of the device.
#
# Exits 0 when all tests passed, 64 when no device can be used, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  '') ;;
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) echo "gpu_check: unknown option $1; see tools/gpu_check.sh --help" >&2; exit 64 ;;
esac

source tools/setup.sh
[ -n "${CUDACXX:-}" ] || { echo "gpu_check: no nvcc, and none could be installed" >&2; exit 1; }
mkdir -p build
cmake --preset cuda >build/cuda.configure.log 2>&1 || { cat build/cuda.configure.log; exit 1; }
steps='tape_oracle oracle_parameters oracle_layers oracle_functions oracle_attention oracle_recurrent step_device'
cmake --build --preset cuda --target sotto_cuda cuda_plugin_test cuda_device_test cuda_kernels sotto_program \
  $(printf '%s_test ' $steps)

printf '\n== devices\n'
build/cuda/benchmarks/cuda_kernels --list
if command -v nvidia-smi >/dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; fi

case $LibTorch_ROOT in
  "$SOTTO_CACHE"/*) "$SOTTO_CACHE/venv/bin/python" -m pip install --disable-pip-version-check --quiet 'torch==2.15.0' ;;
esac

printf '\n== tests\n'
verdict=0
export SOTTO_TEST_DEVICE_MUST_BE_THERE=1
ctest --preset cuda --no-tests=error -R '^cuda_(plugin|device)_test|_gpu_test$' || verdict=1

printf '\n== times\n'
build/cuda/benchmarks/cuda_kernels || verdict=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# 28 x 28 pictures, class c a bright row, as IDX files.
python3 - "$work" <<'END'
import random, struct, sys
random.seed(1)
count, labels, pixels = 2000, bytearray(), bytearray()
for _ in range(count):
    label = random.randrange(10)
    labels.append(label)
    for row in range(28):
        pixels += bytes((200 if row // 2 == label else 0) + random.randrange(50) for _ in range(28))
with open(sys.argv[1] + '/images', 'wb') as file:
    file.write(struct.pack('>IIII', 0x803, count, 28, 28) + pixels)
with open(sys.argv[1] + '/labels', 'wb') as file:
    file.write(struct.pack('>II', 0x801, count) + labels)
END

# The same seed draws the same samples and noise on both: after a few steps the weights differ by rounding alone.
printf '\n== training on the device and on the processor\n'
for model in mlp cnn; do
  for device in cpu cuda; do
    build/cuda/tools/sotto train --train-images "$work/images" --train-labels "$work/labels" --dataset-size 2000 \
      --model $model --noise-multiplier 1 --delta 1e-5 --batch 200 --steps 5 --insecure-test-seed 3 --device $device \
      --output "$work/$model-$device" || verdict=1
  done
  python3 - "$work/$model-cpu/model.safetensors" "$work/$model-cuda/model.safetensors" <<'END' || verdict=1
import array, json, struct, sys
def weights(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    tensors = json.loads(data[8:8 + size])
    result = array.array('f')
    for name in sorted(tensors):
        if name != '__metadata__' and tensors[name]['dtype'] == 'F32':
            begin, end = tensors[name]['data_offsets']
            result.frombytes(data[8 + size + begin:8 + size + end])
    return result
a, b = weights(sys.argv[1]), weights(sys.argv[2])
apart = max(abs(x - y) for x, y in zip(a, b))
print(f'largest difference of a weight: {apart:.3g}')
sys.exit(0 if len(a) == len(b) and apart < 1e-3 else 'gpu_check: processor and device trained different models')
END
done

printf '\n== steps\n'
for step in mlp:512 mlp:16384 cnn:512 cnn:8192 resnet20:128 resnet20:2048 encoder:16 encoder:256 lstm:64 lstm:1024 \
  embedding-bag:256 embedding-bag:8192; do
  build/cuda/tools/sotto bench step --model ${step%:*} --batch ${step#*:} --device cuda --pairs 15 --matmul stock || verdict=1
done
exit $verdict
