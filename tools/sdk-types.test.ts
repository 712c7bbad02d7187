import type * as Admin from '@martlet/sdk/admin';
import type * as Sdk from '@martlet/sdk';
import type * as Agreed from '@martlet/protocol';
import { describe, expectTypeOf, test } from 'vitest';

/** Without the marks of what may not be written: the SDK hands resources out, it does not take them in. */
type Plain<Type> = Type extends readonly (infer Item)[]
  ? Plain<Item>[]
  : Type extends object
    ? { -readonly [Key in keyof Type]: Plain<Type[Key]> }
    : Type;
/** What a server of ours always says and the SDK leaves out, as it is of Git connections that do not exist here. */
type Shown<Type, Keys extends PropertyKey> = Plain<Pick<Type, Extract<keyof Type, Keys>>>;

/**
 * The SDK describes resources in its own files, because the published package may not refer to packages of this
 * repository. The compiler compares them with what the server sends: `npm run check` fails where they differ.
 */
describe('the resources of the SDK', () => {
  test('are what the server sends', () => {
    expectTypeOf<Plain<Sdk.Execution>>().toEqualTypeOf<Plain<Agreed.ExecutionResource>>();
    expectTypeOf<Plain<Sdk.LogLine>>().toEqualTypeOf<Plain<NonNullable<Agreed.ExecutionResource['logLines']>[number]>>();
    expectTypeOf<Plain<Admin.Variable>>().toEqualTypeOf<Plain<Agreed.VariableResource>>();
    expectTypeOf<Plain<Admin.Schedule>>().toEqualTypeOf<Plain<Agreed.ScheduleResource>>();
    expectTypeOf<Plain<Admin.Event>>().toEqualTypeOf<Plain<Agreed.EventResource>>();
    expectTypeOf<Plain<Admin.Decision>>().toEqualTypeOf<Plain<Agreed.DecisionResource>>();
    expectTypeOf<Plain<Admin.Attempt>>().toEqualTypeOf<Plain<Agreed.AttemptResource>>();
    expectTypeOf<Plain<Admin.Key>>().toEqualTypeOf<Plain<Agreed.KeyResource>>();
    expectTypeOf<Plain<Admin.FunctionResource>>().toEqualTypeOf<Shown<Agreed.FunctionResource, keyof Admin.FunctionResource>>();
    expectTypeOf<Plain<Admin.Deployment>>().toEqualTypeOf<Shown<Agreed.DeploymentResource, keyof Admin.Deployment>>();
  });

  test('leave out nothing but what belongs to Git connections and pictures', () => {
    type MissingOfFunction = Exclude<keyof Agreed.FunctionResource, keyof Admin.FunctionResource>;
    expectTypeOf<Exclude<MissingOfFunction, `provider${string}` | 'installationId' | `${string}pecification`>>().toEqualTypeOf<never>();
    type MissingOfDeployment = Exclude<keyof Agreed.DeploymentResource, keyof Admin.Deployment>;
    expectTypeOf<Exclude<MissingOfDeployment, `provider${string}` | `screenshot${string}`>>().toEqualTypeOf<never>();
  });
});
