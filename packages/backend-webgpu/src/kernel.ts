/** How a kernel sees a buffer: as 4-byte words or as vectors of four of them; read only, or written too. */
export type Storage = 'words' | 'vectors' | 'words out' | 'vectors out';

/** What a launch of a kernel must supply: `Binding` and `Param` are the names, so that the compiler knows them. */
export interface Signature<Binding extends string = string, Param extends string = string> {
  /** The storage buffers by name, in binding order. */
  readonly storage: Readonly<Record<Binding, Storage>>;
  /** Names of the u32 uniforms `p.<name>`, beside those that each storage buffer adds (`UNIFORMS_OF_BUFFER`). */
  readonly params: readonly Param[];
}

/** One WGSL compute shader: pure text plus the names by which it is bound. */
export interface Kernel<Binding extends string = string, Param extends string = string>
  extends Signature<Binding, Param> {
  /** Tells apart the variants of a file: its name first, for error messages (`kernelId`). */
  readonly id: string;
  /** Whether the text uses subgroup operations; then `run` takes `position, size` as well: the lane in its subgroup, and lanes. */
  readonly subgroups?: boolean;
  /**
   * The rest of the shader, with a function `run(group: u32, thread: u32)`: the number of the workgroup, which may be
   * beyond those asked for, and of the thread in it. WORKGROUP is the number of threads, TRUSTED whether float32 rounds as it must. With all params 0 it must
   * do nothing, and stop (`Program.prepare`). If time counts, a loop should count its steps up to a constant: Dawn
   * adds a 64-bit counter to others, and they are not unrolled.
   */
  readonly body: () => string;
}

/**
 * What follows a storage buffer's name in those of its uniforms: the index in the binding of the tensor's element 0, and
 * which element the bound cut of the tensor starts with and how many it has.
 */
const UNIFORMS_OF_BUFFER = ['at', 'first', 'count'];

/** A signature whose type knows the names. */
export function signature<Binding extends string, const Param extends string>(
  storage: Readonly<Record<Binding, Storage>>,
  params: readonly Param[],
): Signature<Binding, Param> {
  return { storage, params };
}

/** Bindings that only some variants of a kernel take. Launches of the others give null for them. */
export function optional<Binding extends string>(
  taken: boolean,
  storage: Readonly<Record<Binding, Storage>>,
): Signature<Binding, never> {
  return signature<Binding, never>(taken ? storage : ({} as typeof storage), []);
}

/** Two signatures as one, for a variant of a kernel that takes more. A param that both have is one. */
export function joined<B1 extends string, P1 extends string, B2 extends string, P2 extends string>(
  first: Signature<B1, P1>,
  second: Signature<B2, P2>,
): Signature<B1 | B2, P1 | P2> {
  const params = new Set([...first.params, ...second.params]);
  return signature<B1 | B2, P1 | P2>({ ...first.storage, ...second.storage }, [...params]);
}

/** A kernel's file and the options of the variant, e.g. `route-rank.wgsl.ts topkOnly=true`. */
export function kernelId(file: string, options: object): string {
  return [file, ...Object.entries(options).map(([name, value]) => `${name}=${value}`)].join(' ');
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
 * @param workgroupSize threads of a workgroup.
 * @param trusted whether the device's float32 rounds as it must, but for values near the subnormals.
 * @param writable inputs to declare writable all the same: WebGPU lets a buffer be bound twice in one launch
 *   only if both bindings are of one kind.
 */
export function wgslModule(
  kernel: Kernel,
  workgroupSize: number,
  trusted: boolean,
  writable: readonly string[],
): string {
  const names = Object.keys(kernel.storage);
  const fields = [
    ...kernel.params,
    ...names.flatMap((name) => UNIFORMS_OF_BUFFER.map((what) => `${name}_${what}`)),
  ];
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
const WORKGROUP = ${workgroupSize}u;
const TRUSTED = ${trusted};
${kernel.body()}
${main(kernel.subgroups === true)}`;
}

// The grid is folded over two dimensions.
function main(subgroups: boolean): string {
  const inputs = ', @builtin(subgroup_invocation_id) position: u32, @builtin(subgroup_size) size: u32';
  return `@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32${subgroups ? inputs : ''}) {
  run(group.y * groups.x + group.x, thread${subgroups ? ', position, size' : ''});
}
`;
}
