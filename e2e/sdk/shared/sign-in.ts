/** Signs in, calls, and signs out; needs nothing but the account calls. */
import type { MartletClient } from '@martlet/sdk';

export interface SignedIn {
  /** Whom the account says that it is. */
  readonly id: string;
  /** Whom a function sees. */
  readonly user: string | null;
  readonly seesOwnExecution: boolean;
  /** Whom a function sees after signing out. */
  readonly afterwards: string | null;
}

export async function signInAndCall({ account, functions, executions }: MartletClient): Promise<SignedIn> {
  await account.createAnonymousSession();
  const { $id: id } = await account.get();
  const { data, executionId = '' } = await functions.invoke<{ user: string | null }>('whoami');
  const record = await executions.wait(executionId);
  await account.deleteSession();
  const { data: later } = await functions.invoke<{ user: string | null }>('whoami');
  return { id, user: data.user, seesOwnExecution: record.$id === executionId && record.logs === '', afterwards: later.user };
}
