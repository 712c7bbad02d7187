/** Resources under the names that the OpenAPI document gives them. */
import {
  attemptResource,
  decisionResource,
  deploymentResource,
  errorResource,
  eventResource,
  executionResource,
  functionResource,
  keyResource,
  scheduleResource,
  variableResource,
  deliveryResource,
  webhookResource,
} from '@martlet/protocol';

export const functionSchema = functionResource.meta({ id: 'Function' });
export const deploymentSchema = deploymentResource.meta({ id: 'Deployment' });
export const variableSchema = variableResource.meta({ id: 'Variable' });
export const executionSchema = executionResource.meta({ id: 'Execution' });
export const attemptSchema = attemptResource.meta({ id: 'Attempt' });
export const decisionSchema = decisionResource.meta({ id: 'Decision' });
export const eventSchema = eventResource.meta({ id: 'Event' });
export const scheduleSchema = scheduleResource.meta({ id: 'Schedule' });
export const webhookSchema = webhookResource.meta({ id: 'Webhook' });
export const deliverySchema = deliveryResource.meta({ id: 'Delivery' });
export const keySchema = keyResource.meta({ id: 'Key' });
export const errorSchema = errorResource.meta({ id: 'Error' });
