// To be imported before require-gpu.ts, because lavapipe reads it when it starts. Its subgroups have 8 lanes by
// themselves, too few for rows of more than 64 experts; GPUs have 32. With more than 16 it computes wrong results.
process.env.LP_NATIVE_VECTOR_WIDTH = '512';
