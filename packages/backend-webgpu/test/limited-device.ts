/** A device that allows less than the real one it works on, and throws where that is exceeded. */
export interface Restrictions {
  limits?: Partial<Record<keyof GPUSupportedLimits, number>>;
  /** Features to hide. */
  without?: readonly GPUFeatureName[];
}

/** Small enough that most tensors of the suite are bound in cuts and grids are folded. */
export const LOW_LIMITS = {
  maxStorageBufferBindingSize: 65536,
  maxComputeWorkgroupsPerDimension: 255,
  maxComputeInvocationsPerWorkgroup: 128,
  maxComputeWorkgroupStorageSize: 4096,
  maxStorageBuffersPerShaderStage: 7,
};

export function limitedDevice(device: GPUDevice, { limits = {}, without = [] }: Restrictions): GPUDevice {
  const limit = (name: keyof GPUSupportedLimits): number => limits[name] ?? (device.limits[name] as number);
  const allowedLimits = new Proxy(device.limits, {
    get: (_, name) => limit(name as keyof GPUSupportedLimits),
  });
  const features = new Set([...device.features].filter((name) => !without.includes(name as GPUFeatureName)));
  const overrides: Record<string, unknown> = {
    limits: allowedLimits,
    features,
    createBuffer: (descriptor: GPUBufferDescriptor) => {
      check('maxBufferSize', descriptor.size, limit('maxBufferSize'));
      return device.createBuffer(descriptor);
    },
    createBindGroup: (descriptor: GPUBindGroupDescriptor) => {
      const bindings = [...descriptor.entries].map(({ resource }) => resource as GPUBufferBinding);
      check('storage buffers', bindings.length - 1, limit('maxStorageBuffersPerShaderStage'));
      for (const { offset = 0, size = 0 } of bindings) {
        check('maxStorageBufferBindingSize', size, limit('maxStorageBufferBindingSize'));
        check('alignment', offset % limit('minStorageBufferOffsetAlignment'), 0);
      }
      return device.createBindGroup(descriptor);
    },
    createShaderModule: (descriptor: GPUShaderModuleDescriptor) => {
      const threads = Number(/const WORKGROUP = (\d+)u/.exec(descriptor.code)?.[1]);
      check('maxComputeInvocationsPerWorkgroup', threads, limit('maxComputeInvocationsPerWorkgroup'));
      check('maxComputeWorkgroupSizeX', threads, limit('maxComputeWorkgroupSizeX'));
      check('workgroup memory', workgroupBytes(descriptor.code), limit('maxComputeWorkgroupStorageSize'));
      return device.createShaderModule(descriptor);
    },
    createCommandEncoder: () =>
      limitedEncoder(device.createCommandEncoder(), limit('maxComputeWorkgroupsPerDimension')),
  };
  return forward(device, overrides);
}

function limitedEncoder(encoder: GPUCommandEncoder, maximum: number): GPUCommandEncoder {
  return forward(encoder, {
    beginComputePass: (descriptor?: GPUComputePassDescriptor) => {
      const pass = encoder.beginComputePass(descriptor);
      return forward(pass, {
        dispatchWorkgroups: (x: number, y = 1, z = 1) => {
          for (const groups of [x, y, z]) check('maxComputeWorkgroupsPerDimension', groups, maximum);
          pass.dispatchWorkgroups(x, y, z);
        },
      });
    },
  });
}

/** Bytes of the module's workgroup variables, by the constants that size them. */
function workgroupBytes(code: string): number {
  const constants = new Map<string, number>();
  for (const [, name, value] of code.matchAll(/const (\w+) = (\d+)u;/g)) constants.set(name, Number(value));
  let bytes = 0;
  for (const [, type, size] of code.matchAll(
    /var<workgroup> \w+: (?:array<([^;]*), ([^;,]*)>|atomic<u32>);/g,
  )) {
    if (type === undefined) bytes += 4;
    else bytes += (type.startsWith('vec2') ? 8 : 4) * product(size, constants);
  }
  return bytes;
}

/** A number, a name, or two of them such as `2u * WORKGROUP`; NaN where it is anything else. */
function product(expression: string, constants: ReadonlyMap<string, number>): number {
  const [first, operator = '*', second = '1u'] = expression.split(' ');
  const [a, b] = [first, second].map((part) => constants.get(part) ?? Number.parseInt(part, 10));
  if (operator === '*') return a * b;
  return operator === '/' ? a / b : Number.NaN;
}

function check(limit: string, request: number, maximum: number): void {
  if (!(request <= maximum)) throw new Error(`${limit}: a request of ${request}, allowed are ${maximum}`);
}

/** An object with the overrides in place of the target's own members; methods are called on the target. */
export function forward<T extends object>(target: T, overrides: Record<string, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && name in overrides) return overrides[name];
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
