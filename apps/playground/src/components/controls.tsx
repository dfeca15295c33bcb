import { describeModel, MODELS } from '../models.js';
import type { FileInfo } from '../protocol.js';
import { FLOAT_DTYPES, PADDLE_MODES, PRESETS, presetOf, type Settings } from '../settings.js';
import { NumberField } from './number-field.js';

interface ControlsProps {
  readonly settings: Settings;
  readonly file: FileInfo | undefined;
  readonly onChange: (settings: Settings) => void;
}

/** Where there is room beside the pictures; elsewhere the controls start folded, so that the pictures are seen. */
const WIDE = '(min-width: 861px)';

/** Sizes, dtype and router. With a file only K and the router are left to choose. */
export function Controls({ settings, file, onChange }: ControlsProps) {
  const change = (changed: Partial<Settings>) => onChange({ ...settings, ...changed });
  const experts = file?.experts ?? settings.experts;
  return (
    <>
      {file === undefined && <Presets settings={settings} onChange={onChange} />}
      <details class="settings" open={matchMedia(WIDE).matches}>
        <summary>Sizes, data and router</summary>
        {file === undefined && <Sizes settings={settings} change={change} />}
        <NumberField
          label="K"
          hint="per token"
          min={1}
          max={Math.max(1, Math.min(experts, 16))}
          value={settings.topK}
          onChange={(topK) => change({ topK })}
        />
        {file === undefined && <RandomData settings={settings} change={change} />}
        <Routers settings={settings} change={change} />
      </details>
    </>
  );
}

function Presets({ settings, onChange }: Pick<ControlsProps, 'settings' | 'onChange'>) {
  const current = presetOf(settings);
  return (
    <fieldset class="presets">
      <legend>Shape and router of</legend>
      {PRESETS.map((preset) => (
        <button
          key={preset.name}
          type="button"
          aria-pressed={preset === current}
          onClick={() => onChange({ ...settings, ...preset.settings })}
        >
          {preset.name}
        </button>
      ))}
    </fieldset>
  );
}

interface PartProps {
  readonly settings: Settings;
  readonly change: (changed: Partial<Settings>) => void;
}

function Sizes({ settings: { tokens, hidden, experts }, change }: PartProps) {
  return (
    <>
      <NumberField
        label="T"
        hint="tokens"
        min={0}
        max={4096}
        value={tokens}
        onChange={(value) => change({ tokens: value })}
      />
      <NumberField
        label="D"
        hint="row width"
        min={0}
        max={8192}
        step={8}
        value={hidden}
        onChange={(value) => change({ hidden: value })}
      />
      <NumberField
        label="E"
        hint="experts"
        min={1}
        max={512}
        value={experts}
        onChange={(value) => change({ experts: value })}
      />
    </>
  );
}

function RandomData({ settings: { skew, seed, dtype }, change }: PartProps) {
  return (
    <>
      <label class="field">
        <span class="field-label">
          <b>dtype</b> of the rows
        </span>
        <select
          value={dtype}
          onChange={(event) => change({ dtype: event.currentTarget.value as Settings['dtype'] })}
        >
          {FLOAT_DTYPES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <NumberField
        label="Skew"
        hint="of the gate"
        min={0}
        max={2}
        step={0.05}
        value={skew}
        onChange={(value) => change({ skew: value })}
      />
      <NumberField
        label="Seed"
        hint="of the data"
        min={0}
        max={99}
        value={seed}
        onChange={(value) => change({ seed: value })}
      />
    </>
  );
}

const MODE_TEXTS: { readonly [mode: string]: string } = {
  softmax: 'the best K experts; scales are a softmax over all',
  'topk-only': 'the best K experts; scales are the gating values',
  group: 'the best expert of each of K groups; softmax in the group',
};

function Routers({ settings: { mode }, change }: PartProps) {
  const model = MODELS.get(mode);
  return (
    <>
      <label class="field">
        <span class="field-label">
          <b>Router</b> who chooses
        </span>
        <select
          value={mode}
          aria-describedby="router-text"
          onChange={(event) => change({ mode: event.currentTarget.value })}
        >
          <optgroup label="Paddle's modes">
            {PADDLE_MODES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </optgroup>
          <optgroup label="Models">
            {[...MODELS].map(([id, { name }]) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <p class="sub" id="router-text">
        {model ? describeModel(model) : MODE_TEXTS[mode]}
      </p>
    </>
  );
}
