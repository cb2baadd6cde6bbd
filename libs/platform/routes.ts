import { RequestMethod, type INestApplicationContext, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ACCESS_RULE } from './requires.ts';

/** One controller method that answers requests; `name` is how messages call it. */
export type Route = Readonly<{ controller: Type; method: string; handler: object; name: string }>;

export const controllersOf = (app: INestApplicationContext): readonly Type[] => {
  const types = [...app.get(ModulesContainer, { strict: false }).values()].flatMap((module) => [...module.controllers.values()]);
  return [...new Set(types.map(({ metatype }) => metatype).filter((type) => typeof type === 'function'))] as Type[];
};

export const routesOf = (controllers: readonly Type[]): readonly Route[] =>
  controllers.flatMap((controller) => {
    const prototype = controller.prototype as Record<string, object>;
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((method) => {
      const handler = prototype[method];
      const verb: unknown = handler && Reflect.getMetadata(METHOD_METADATA, handler);
      if (!handler || typeof verb !== 'number') return [];
      const path = [Reflect.getMetadata(PATH_METADATA, controller), Reflect.getMetadata(PATH_METADATA, handler)]
        .join('/')
        .replace(/\/+$/, '');
      return [{ controller, method, handler, name: `${controller.name}.${method} (${RequestMethod[verb] ?? ''} ${path})` }];
    });
  });

/** Routes that say neither `@Requires` nor `@AnyUser` nor `@Public`: nobody has thought about who may call them. */
export const routesWithoutRule = (app: INestApplicationContext): readonly string[] => withoutRule(controllersOf(app));

export const withoutRule = (controllers: readonly Type[]): readonly string[] =>
  routesOf(controllers)
    .filter(
      ({ controller, handler }) => !Reflect.hasMetadata(ACCESS_RULE, handler) && !Reflect.hasMetadata(ACCESS_RULE, controller),
    )
    .map(({ name }) => name);
