/** Writes an expert's entries of expert_offsets and of the counts. */
export const EXPERT_OUTPUTS = /* wgsl */ `
fn write_expert(expert: u32, before: u32, count: u32) {
  offsets[p.offsets_at + expert] = before;
  // The count is an int64, low word first.
  counts[p.counts_at + 2u * expert] = count;
  counts[p.counts_at + 2u * expert + 1u] = 0u;
}
`;
