/**
 * Seals secret values for the store (AES-256-GCM). A sealed text names the key that sealed it, so that keys can be
 * rotated; it opens only for the context it was sealed for, so that rows cannot be swapped.
 */
export interface Vault {
  seal(plain: string, context: string): string;
  /** @throws {Error} when the text was changed, the key is unknown or the context is another */
  open(sealed: string, context: string): string;
}
