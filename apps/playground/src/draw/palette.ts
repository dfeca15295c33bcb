/** The colours of the pictures, for a light and a dark page. */
export interface Palette {
  /** From the least value to the most. */
  readonly heat: readonly string[];
  /** Under the groups that a token keeps. */
  readonly kept: string;
  readonly bar: string;
  readonly line: string;
  readonly mark: string;
  readonly surface: string;
}

export const LIGHT: Palette = {
  heat: ['#d3e5f5', '#8fc0e4', '#4391cc', '#1c5f9f', '#0b2f5e'],
  kept: '#eceff2',
  bar: '#6aa6d6',
  line: '#5a6672',
  mark: '#d9480f',
  surface: '#ffffff',
};

export const DARK: Palette = {
  heat: ['#1d3a5a', '#27619a', '#3f93d1', '#85c8f0', '#e4f5ff'],
  kept: '#262e38',
  bar: '#3f7fb5',
  line: '#93a1b0',
  mark: '#ff9f45',
  surface: '#161b22',
};

/** Red, green and blue, 0 to 255, for a value from 0 to 1. */
export function heatColour({ heat }: Palette, value: number): [number, number, number] {
  const position = Math.min(Math.max(value, 0), 1) * (heat.length - 1);
  const index = Math.min(Math.floor(position), heat.length - 2);
  const [from, to] = [channels(heat[index]), channels(heat[index + 1])];
  const mix = (i: number) => Math.round(from[i] + (to[i] - from[i]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

function channels(colour: string): [number, number, number] {
  const bits = Number.parseInt(colour.slice(1), 16);
  return [bits >> 16, (bits >> 8) & 255, bits & 255];
}
