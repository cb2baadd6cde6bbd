import { eraseReadModels } from '../mongo-read-models.ts';

/** Of the server that these tests run against. @throws Error without one: nothing skips silently */
export const readModelsUrl = (): string => {
  const url = process.env['READ_MODELS_URL'];
  if (url === undefined || !/^mongodb(\+srv)?:/.test(url))
    throw new Error('READ_MODELS_URL must name the MongoDB server (or its stand-in) that this suite runs against.');
  return url;
};

/** Removes all that these services stored. */
export const dropService = async (...services: readonly string[]): Promise<void> => {
  for (const service of services) await eraseReadModels(readModelsUrl(), service);
};
