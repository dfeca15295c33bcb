/** The number of a workgroup in a grid folded over two dimensions. */
export const WORKGROUP_INDEX = /* wgsl */ `
fn group_index(group: vec3<u32>, groups: vec3<u32>) -> u32 { return group.y * groups.x + group.x; }
`;
