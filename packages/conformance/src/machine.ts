/** Runtime and platform in words, in Node, Deno, Bun and browsers. */
export function describeMachine(): { runtime: string; platform: string } {
  const { process, navigator } = globalThis as {
    process?: { versions?: Record<string, string>; platform?: string; arch?: string };
    navigator?: { userAgent?: string };
  };
  const versions = process?.versions ?? {};
  // Deno and Bun have a process of Node's kind as well.
  const name = ['deno', 'bun', 'node'].find((key) => versions[key] !== undefined);
  if (name === undefined) return { runtime: navigator?.userAgent ?? 'unknown', platform: 'browser' };
  return { runtime: `${name} ${versions[name]}`, platform: `${process?.platform} ${process?.arch}` };
}
