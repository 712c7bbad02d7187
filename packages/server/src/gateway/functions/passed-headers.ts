/** Which headers of a function's answer reach its caller. */
import { isHopByHop } from '../../domain/platform-headers.ts';

/** The length is what is sent, not what the function says; the ids are true. */
const OURS = new Set(['content-length', 'x-martlet-execution-id', 'x-appwrite-execution-id']);

/**
 * In any case: the honest worker writes lower case, but user code can write frames of its own, and two lengths, or a
 * length beside chunks, let it forge the next response on a proxy's connection.
 */
export function isPassedOn(lowerCaseName: string): boolean {
  return !OURS.has(lowerCaseName) && !isHopByHop(lowerCaseName) && !lowerCaseName.startsWith('x-open-runtimes-');
}
