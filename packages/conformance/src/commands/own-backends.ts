/** The backends of this project, for commands that look at whatever is installed. */
export const OWN_BACKENDS: readonly string[] = ['cpu', 'webgpu', 'cuda'].map(
  (name) => `@moe-dispatch/backend-${name}`,
);
