import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { DARK, LIGHT, type Palette } from '../draw/palette.js';

/** An element's width in CSS pixels, as it changes; 0 until it is known. */
export function useWidth<E extends HTMLElement>(): [RefObject<E | null>, number] {
  const element = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.floor(contentRect.width)));
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** The colours of the pictures, as the visitor's system wants light or dark. */
export function usePalette(): Palette {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const update = (event: MediaQueryListEvent) => setDark(event.matches);
    query.addEventListener('change', update);
    return () => query.removeEventListener('change', update);
  }, []);
  return dark ? DARK : LIGHT;
}
