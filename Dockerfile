# One image for the gateway, the classifier and the edge on Node; compose.yaml says which a container is.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts
# `native` adds ONNX Runtime; its install script would fetch files for GPUs.
ARG ENGINE=wasm
RUN if [ "$ENGINE" = native ]; then npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund onnxruntime-node@1.30.0; fi

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# glibc keeps an arena for every thread, and V8 room for garbage: two fifths of a classifier's memory.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/models models
USER node
CMD ["node", "--max-semi-space-size=4", "dist/classifier/main.js"]
