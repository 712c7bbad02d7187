export interface RunningNode {
  readonly execPath?: string;
  readonly version?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}
export function findNode(minimumMajor: number, from: string | URL, running?: RunningNode): string | undefined;
export function explainMissingNode(minimumMajor: number, version?: string): string;
