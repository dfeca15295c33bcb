export interface NumberFieldProps {
  readonly label: string;
  /** What the letter stands for. */
  readonly hint?: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly disabled?: boolean;
  readonly onChange: (value: number) => void;
}

/** A slider, and the number itself. The slider keeps to its range; the number may be any, and core judges it. */
export function NumberField({
  label,
  hint,
  value,
  min,
  max,
  step = 1,
  disabled = false,
  onChange,
}: NumberFieldProps) {
  const change = (event: Event) => {
    const { valueAsNumber } = event.currentTarget as HTMLInputElement;
    if (!Number.isNaN(valueAsNumber)) onChange(valueAsNumber);
  };
  return (
    <div class="field">
      <span class="field-label">
        <b>{label}</b> {hint}
      </span>
      <input
        type="range"
        aria-label={`${label} ${hint ?? ''} (slider)`}
        {...{ min, max, step, value, disabled }}
        onInput={change}
      />
      <input
        type="number"
        aria-label={`${label} ${hint ?? ''}`.trim()}
        {...{ min, step: 'any', value, disabled }}
        onInput={change}
      />
    </div>
  );
}
