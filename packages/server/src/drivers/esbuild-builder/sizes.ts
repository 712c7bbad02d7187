/** Numbers as a build log shows them. */

export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function filesOf(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}
