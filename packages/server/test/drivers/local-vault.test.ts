import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createLocalVault } from '../../src/drivers/local-vault/local-vault.ts';
import { hostileTexts } from '../support/hostile-texts.ts';

const root = mkdtempSync(join(tmpdir(), 'martlet-vault-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshFile = () => join(mkdtempSync(join(root, 'case-')), 'data', 'vault.key');
const freshKey = () => randomBytes(32).toString('base64');

describe('local-vault: sealing', () => {
  const vault = createLocalVault({ keys: [freshKey()] });

  it('opens what it sealed, whatever the text is', () => {
    for (const text of hostileTexts) expect(vault.open(vault.seal(text, 'variable/a'), 'variable/a')).toBe(text);
  });

  it('shows nothing of the text, and never seals a text the same way twice', () => {
    const sealed = Array.from({ length: 1000 }, () => vault.seal('hunter2', 'c'));
    expect(new Set(sealed).size).toBe(1000);
    expect(sealed[0]).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]+$/);
    expect(sealed.join()).not.toContain('hunter2');
  });

  it('does not open for another context, so that rows cannot be swapped', () => {
    expect(() => vault.open(vault.seal('x', 'project/a'), 'project/b')).toThrow('sealed for another place');
  });

  it('does not open what was changed in any letter', () => {
    const sealed = vault.seal('a secret text', 'c');
    fc.assert(
      fc.property(fc.nat({ max: sealed.length - 1 }), fc.constantFrom(...'Aa0-_.=+ \n'), (at, letter) => {
        fc.pre(sealed[at] !== letter);
        expect(() => vault.open(sealed.slice(0, at) + letter + sealed.slice(at + 1), 'c')).toThrow('Cannot open a secret');
      }),
      { numRuns: 500 },
    );
    for (const cut of ['', 'v1', 'v1..', sealed.slice(0, -1), sealed.slice(0, 20), `${sealed}A`, `${sealed}.x`, `v2${sealed.slice(2)}`]) {
      expect(() => vault.open(cut, 'c')).toThrow('Cannot open a secret');
    }
  });
});

describe('local-vault: keys', () => {
  it('seals with the first key and opens with all, so that keys can be rotated', () => {
    const [old, next] = [freshKey(), freshKey()];
    const sealed = createLocalVault({ keys: [old] }).seal('x', 'c');
    const rotated = createLocalVault({ keys: [next, old] });
    expect(rotated.open(sealed, 'c')).toBe('x');
    const resealed = rotated.seal('x', 'c');
    expect(createLocalVault({ keys: [next] }).open(resealed, 'c')).toBe('x');
    expect(() => createLocalVault({ keys: [next] }).open(sealed, 'c')).toThrow('which this vault does not have');
  });

  it('makes its key file on first use, for its user only, and uses it from then on', () => {
    const keyFile = freshFile();
    const sealed = createLocalVault({ keyFile }).seal('x', 'c');
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(keyFile, '..'))).toEqual(['vault.key']);
    expect(createLocalVault({ keyFile }).open(sealed, 'c')).toBe('x');
  });

  it('reads several keys and comments from its file', () => {
    const keyFile = freshFile();
    const sealed = createLocalVault({ keyFile }).seal('x', 'c');
    writeFileSync(keyFile, `# rotated\n${freshKey()}\n\n${readFileSync(keyFile, 'utf8')}`);
    expect(createLocalVault({ keyFile }).open(sealed, 'c')).toBe('x');
  });

  it('refuses no key, half a key, and says which line is wrong', () => {
    const keyFile = freshFile();
    createLocalVault({ keyFile });
    expect(() => createLocalVault({ keys: [] })).toThrow('there is no key');
    expect(() => createLocalVault({ keys: [randomBytes(31).toString('base64')] })).toThrow('key 1 is not 32 bytes');
    writeFileSync(keyFile, `${freshKey()}\nnonsense\n`);
    expect(() => createLocalVault({ keyFile })).toThrow(`line 2 of ${keyFile} is not 32 bytes`);
    writeFileSync(keyFile, '');
    expect(() => createLocalVault({ keyFile })).toThrow('there is no key');
  });
});
