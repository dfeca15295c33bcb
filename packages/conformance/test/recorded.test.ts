import { describe, expect, it } from 'vitest';
import { recordedCases } from '../src/cases/recorded.js';
import { routerFixtures } from '../src/fixtures.js';
import { Session } from '../src/session.js';
import { reference } from './reference-backend.js';

/** The bytes of a tensor within those of a file. */
function floatsOf(bytes: Uint8Array, name: string): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const [start, end] = header[name].data_offsets;
  return new DataView(bytes.buffer, bytes.byteOffset + 8 + length + start, end - start);
}

async function differences(name: string, change: (bytes: Uint8Array) => void) {
  const load = async (of: string) => {
    const bytes = new Uint8Array(await routerFixtures.load(of));
    change(bytes);
    return bytes;
  };
  const backend = await reference().create();
  const session = new Session({ backend, factory: undefined, native: undefined });
  await recordedCases({ names: [name], load })[0].run(session);
  session.dispose();
  return session.differences;
}

/** Multiplies an element of a file's tensor. */
const scaled =
  (tensor: string, factor: number, element = 5) =>
  (bytes: Uint8Array) => {
    const view = floatsOf(bytes, tensor);
    view.setFloat32(element * 4, view.getFloat32(element * 4, true) * factor, true);
  };

describe("a model's own router", () => {
  it.each(routerFixtures.names)('%s', async (name) => {
    expect(await differences(name, () => {})).toEqual([]);
  });

  it('is compared weight by weight', async () => {
    const name = 'deepseek_v3-e24-k8-g1';
    expect(await differences(name, scaled('top_k_weights', 1 + 5e-6))).toEqual([]);
    const [difference] = await differences(name, scaled('top_k_weights', 1 + 3e-5));
    expect(difference).toMatchObject({ tensor: 'experts and their weights', index: [0], count: 1 });
  });

  it('is compared expert by expert', async () => {
    const [difference] = await differences('mixtral-e8-k2', (bytes) => {
      const view = floatsOf(bytes, 'top_k_indices');
      view.setInt32(0, (view.getInt32(0, true) + 1) % 8, true);
    });
    expect(difference).toMatchObject({ tensor: 'experts and their weights', index: [0] });
  });

  it('is compared by the sum of its experts', async () => {
    const [difference] = await differences('longcat_flash-e12-zero4-k4', scaled('routed_output', -1));
    expect(difference).toMatchObject({ tensor: 'the sum of the experts', index: [0, 5], count: 1 });
  });
});
