/** `pnpm docs:api`: the reference of what the packages export, made of the docstrings. Warnings are errors. */
export default {
  name: 'moe-dispatch',
  tsconfig: 'tsconfig.docs.json',
  entryPoints: [
    'packages/core/src/index.ts',
    'packages/core/src/backend-authors.ts',
    'packages/backend-cpu/src/index.ts',
    'packages/backend-webgpu/src/index.ts',
    'packages/backend-cuda/src/index.ts',
    'packages/safetensors/src/index.ts',
    'packages/conformance/src/index.ts',
    'packages/conformance/src/vitest.ts',
  ],
  out: 'docs/api',
  readme: 'docs/api-reference.md',
  disableSources: true,
  excludePrivate: true,
  excludeExternals: true,
  excludeInternal: true,
  // What a package exports, and methods; properties where they do not speak for themselves.
  requiredToBeDocumented: ['Class', 'Enum', 'Function', 'Interface', 'Method', 'TypeAlias', 'Variable'],
  packagesRequiringDocumentation: [
    '@moe-dispatch/core',
    '@moe-dispatch/backend-cpu',
    '@moe-dispatch/backend-webgpu',
    '@moe-dispatch/backend-cuda',
    '@moe-dispatch/safetensors',
    '@moe-dispatch/conformance',
  ],
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
};
