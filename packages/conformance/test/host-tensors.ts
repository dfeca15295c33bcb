import type { HostTensor } from '../src/host-tensor.js';

/** A float32 tensor of these values. */
export const f32 = (shape: number[], ...values: number[]): HostTensor<'float32'> => ({
  data: Float32Array.from(values),
  shape,
  dtype: 'float32',
});

/** An int32 tensor of these values. */
export const i32 = (shape: number[], ...values: number[]): HostTensor<'int32'> => ({
  data: Int32Array.from(values),
  shape,
  dtype: 'int32',
});
