import { type MultipartFile } from '@fastify/multipart';
import { type FastifyRequest } from 'fastify';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { errorCode } from './error-code.ts';

/**
 * What `take` makes of the file of an upload as it arrives, where one is expected and nothing beside it.
 * @param name what refusals call it
 * @param limits `fileSize` in bytes, where it is less than that of any upload
 * @throws DomainError `invalid` `invalid-input`
 */
export const onlyFile = async <T>(
  request: FastifyRequest,
  name: string,
  take: (file: MultipartFile) => Promise<T>,
  limits: Readonly<{ fileSize?: number }> = {},
): Promise<T> => {
  if (!request.isMultipart()) throw invalid(name, 'the body must be multipart/form-data');
  const taken: T[] = [];
  let beside: string | undefined;
  try {
    for await (const part of request.parts({ limits: { ...limits, files: 1 } }))
      if (part.type === 'file') taken.push(await take(part));
      else beside ??= part.fieldname;
  } catch (error) {
    throw errorCode(error) === 'FST_FILES_LIMIT' ? invalid(name, 'one file is expected, and there are more') : error;
  }
  if (beside !== undefined) throw invalid(beside, 'is unknown: one file is expected, and no field beside it');
  const [one] = taken;
  if (one === undefined) throw invalid(name, 'there is no file in it');
  return one;
};

const invalid = (path: string, message: string): DomainError =>
  new DomainError('invalid', 'invalid-input', `The request is not valid: ${path}: ${message}.`, [{ path, message }]);
