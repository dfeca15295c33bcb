/** How a kernel sees a buffer: as 4-byte words or as vectors of four of them; read only, or written too. */
export type Storage = 'words' | 'vectors' | 'words out' | 'vectors out';

/** One WGSL compute shader: pure text plus the names by which it is bound. */
export interface Kernel {
  /** Tells apart the variants of a file, e.g. `reduce.wgsl.ts bfloat16`: file name first, for error messages. */
  readonly id: string;
  /** The storage buffers by name, in binding order. */
  readonly storage: Readonly<Record<string, Storage>>;
  /** Names of the u32 uniforms `p.<name>`. Each storage buffer adds `p.<name>_at`, its index of element 0. */
  readonly params: readonly string[];
  /** Whether the text uses subgroup operations. */
  readonly subgroups?: boolean;
  /** The rest of the shader, whose entry point is `main`. */
  readonly body: () => string;
}

/** Whether the kernel writes to a storage buffer of this kind. */
export function isOutput(storage: Storage): boolean {
  return storage.endsWith('out');
}

/** Elements of the buffer that make one word, or four: the unit in which the kernel indexes it. */
export function wordsPerElement(storage: Storage): number {
  return storage.startsWith('vectors') ? 4 : 1;
}

/**
 * The whole WGSL module of a kernel.
 * @param writable inputs to declare writable all the same: WebGPU lets a buffer be bound twice in one dispatch
 *   only where both bindings are of one kind.
 */
export function wgslModule(kernel: Kernel, writable: readonly string[]): string {
  const names = Object.keys(kernel.storage);
  const fields = [...kernel.params, ...names.map((name) => `${name}_at`)];
  const bindings = names.map((name, i) => {
    const storage = kernel.storage[name];
    const access = isOutput(storage) || writable.includes(name) ? 'read_write' : 'read';
    const element = wordsPerElement(storage) === 4 ? 'vec4<u32>' : 'u32';
    return `@group(0) @binding(${i + 1}) var<storage, ${access}> ${name}: array<${element}>;`;
  });
  return `// ${kernel.id}
${kernel.subgroups ? 'enable subgroups;' : ''}
struct Params { ${fields.map((field) => `${field}: u32`).join(', ')} }
@group(0) @binding(0) var<uniform> p: Params;
${bindings.join('\n')}
${kernel.body()}`;
}
