// Prints, as JSON, what creating the CUDA backend of the given ordinal came to. Run as a process of its own.
import { cuda } from '../../dist/index.js';

try {
  const backend = await cuda({ ordinal: Number(process.argv[2] ?? 0) }).create();
  console.log(JSON.stringify({ info: backend.info }));
  backend.dispose();
} catch (error) {
  const { name, code, reason, found, expected, message } = error;
  console.log(JSON.stringify({ name, code, reason, found, expected, message }));
}
