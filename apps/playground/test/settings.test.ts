import { describe, expect, it } from 'vitest';
import { DEFAULTS, fromHash, PRESETS, presetOf, toHash } from '../src/settings.js';

describe('settings in the address', () => {
  it('come back as they were', () => {
    for (const { settings } of PRESETS) {
      const all = { ...settings, skew: 1.25, seed: 42 };
      expect(fromHash(`#${toHash(all)}`)).toEqual(all);
    }
  });

  it('keep their defaults where the address makes no sense', () => {
    expect(fromHash('')).toEqual(DEFAULTS);
    expect(fromHash('#T=many&D=-1&E=1e9&K=&mode=best&dtype=int3&x=1')).toEqual(DEFAULTS);
    expect(fromHash('#T=5&mode=group')).toEqual({ ...DEFAULTS, tokens: 5, mode: 'group' });
  });
});

describe('presets', () => {
  it('are recognised by their sizes, whatever the random data', () => {
    for (const preset of PRESETS) {
      expect(presetOf({ ...preset.settings, skew: 2, seed: 9 })).toBe(preset);
    }
    expect(presetOf({ ...DEFAULTS, tokens: 7 })).toBeUndefined();
  });

  it('have results that a phone can hold', () => {
    for (const { settings } of PRESETS) {
      const bytes = settings.dtype === 'float32' ? 4 : 2;
      expect(settings.tokens * settings.hidden * settings.topK * bytes).toBeLessThan(24e6);
    }
  });
});
