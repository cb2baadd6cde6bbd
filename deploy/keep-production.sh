#!/bin/sh
# Gathers in ./image what runs in production, from a folder that holds the sources and dist/.
set -eu
mkdir -p image/dist/deploy
cp package.json package-lock.json .npmrc image/
cp -R dist/libs dist/services image/dist/
cp -R dist/deploy/prepare image/dist/deploy/
find image/dist -name '*.map' -delete
cd image
npm ci --omit=dev --ignore-scripts
# The image has a Node of its own.
rm -rf node_modules/node node_modules/.bin/node node_modules/node-bin-*
