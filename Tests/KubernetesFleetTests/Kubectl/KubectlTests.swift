import Foundation
import SimulatedCluster
import Testing

/// What people and scripts do with kubectl.
@Suite(
  .enabled(
    if: Kubectl.path != nil,
    "kubectl is not here; .ci/kubectl.sh brings it where PyPI can be reached"))
struct KubectlTests {
  private static let deployment = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: shop, labels: {app: shop}}
    spec:
      replicas: 2
      selector: {matchLabels: {app: shop}}
      template:
        metadata: {labels: {app: shop}}
        spec:
          containers:
          - name: shop
            image: registry.example.com/shop:v1
            ports: [{containerPort: 8080}]
            env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
            readinessProbe: {httpGet: {path: /healthz, port: 8080}}
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, emptyDir: {}}]
    """

  @Test func `documents are applied by client and server, with validation`() async throws {
    try await Kubectl.with { kubectl in
      let file = try kubectl.write(Self.deployment, to: "shop.yaml")
      #expect(
        try await kubectl.succeed("apply", "-f", file) == "deployment.apps/shop created\n")
      #expect(
        try await kubectl.succeed("apply", "-f", file) == "deployment.apps/shop unchanged\n")
      let changed = Self.deployment.replacingOccurrences(of: "shop:v1", with: "shop:v2")
      let second = try kubectl.write(changed, to: "shop2.yaml")
      #expect(
        try await kubectl.succeed("apply", "-f", second) == "deployment.apps/shop configured\n")
      let image = "jsonpath={.spec.template.spec.containers[0].image}"
      #expect(
        try await kubectl.succeed("get", "deployment", "shop", "-o", image)
          == "registry.example.com/shop:v2")
      let server = Self.deployment.replacingOccurrences(of: "name: shop,", with: "name: other,")
      #expect(
        try await kubectl.succeed("apply", "--server-side", "-f", "-", input: server)
          == "deployment.apps/other serverside-applied\n")
      let wrong = Self.deployment.replacingOccurrences(of: "replicas:", with: "replica:")
      let refused = try await kubectl.run("apply", "-f", "-", input: wrong)
      #expect(refused.status != 0)
      #expect(refused.errors.contains("unknown field \"spec.replica\""), "\(refused.errors)")
      let difference = try await kubectl.run("diff", "-f", file)
      #expect(difference.status == 1, "\(difference.errors)")
      #expect(difference.output.contains("shop:v1"))
    }
  }

  @Test func `the definitions are applied, explained and shown`() async throws {
    try await Kubectl.with { kubectl in
      let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../deploy").standardizedFileURL
      let crds = deploy.appendingPathComponent("crds").path
      let made = try await kubectl.succeed("apply", "-f", crds)
      #expect(made.contains("managedservices.windlass.dev created"))
      #expect(try await kubectl.succeed("apply", "-f", crds).contains("unchanged"))
      try await kubectl.succeed(
        "wait", "--for=condition=Established", "crd/managedservices.windlass.dev",
        "--timeout=20s")
      for words in [
        ["explain", "managedservice.spec.rollout"], ["explain", "upgraderuns"],
        ["explain", "deployment.spec.template.spec.containers.readinessProbe"],
        ["explain", "pods", "--recursive"],
      ] {
        let outcome = try await kubectl.run(words)
        #expect(outcome.status == 0, "\(words): \(outcome.errors)")
        #expect(outcome.output.contains("KIND:"), "\(outcome.output)")
      }
      let rollout = try await kubectl.succeed("explain", "managedservice.spec.rollout")
      #expect(rollout.contains("maxUnavailable"))
      let resources = try await kubectl.succeed("api-resources")
      #expect(resources.contains("managedservices"))
      #expect(resources.contains("msvc"))
    }
  }

  @Test func `objects are changed, scaled, edited and deleted`() async throws {
    try await Kubectl.with { kubectl in
      try await kubectl.succeed("apply", "-f", "-", input: Self.deployment)
      try await kubectl.succeed("scale", "deployment/shop", "--replicas=3")
      try await kubectl.succeed(
        "patch", "deployment", "shop", "-p", "{\"metadata\":{\"labels\":{\"tier\":\"front\"}}}")
      let editor = try kubectl.write(
        "#!/bin/sh\nsed -i 's/shop:v1/shop:v3/' \"$1\"\n", to: "editor")
      chmod(editor, 0o755)
      try await kubectl.succeed(
        "edit", "deployment", "shop", environment: ["KUBE_EDITOR": editor])
      let state =
        "jsonpath={.spec.replicas} {.metadata.labels.tier} "
        + "{.spec.template.spec.containers[0].image} "
        + "{.spec.template.spec.containers[0].env[0].name}"
      #expect(
        try await kubectl.succeed("get", "deployment", "shop", "-o", state)
          == "3 front registry.example.com/shop:v3 A")
      let row = try await kubectl.succeed("get", "deployments")
      #expect(row.contains("READY"))
      #expect(row.contains("0/3"), "\(row)")
      try await kubectl.succeed("label", "deployment", "shop", "tier=back", "--overwrite")
      try await kubectl.succeed("annotate", "deployment", "shop", "note=x")
      #expect(
        try await kubectl.succeed("get", "deploy", "-l", "tier=back", "-o", "name")
          == "deployment.apps/shop\n")
      #expect(
        try await kubectl.succeed("delete", "deployment", "shop")
          == "deployment.apps \"shop\" deleted from shop namespace\n")
    }
  }

  @Test func `a roll is paused, resumed, undone and followed`() async throws {
    try await Kubectl.with { kubectl in
      try await kubectl.succeed("apply", "-f", "-", input: Self.deployment)
      try await kubectl.succeed(
        "set", "image", "deployment/shop", "shop=registry.example.com/shop:v2")
      try await kubectl.succeed("rollout", "pause", "deployment/shop")
      let paused = "jsonpath={.spec.paused}"
      #expect(try await kubectl.succeed("get", "deploy", "shop", "-o", paused) == "true")
      try await kubectl.succeed("rollout", "resume", "deployment/shop")
      let history = try await kubectl.succeed("rollout", "history", "deployment/shop")
      #expect(history.contains("REVISION"))
      // It warns that the annotation of the last apply is not rolled back with it.
      #expect(try await kubectl.run("rollout", "undo", "deployment/shop").status == 0)
      let image = "jsonpath={.spec.template.spec.containers[0].image}"
      #expect(
        try await kubectl.succeed("get", "deploy", "shop", "-o", image)
          == "registry.example.com/shop:v1")
      try await kubectl.succeed("rollout", "restart", "deployment/shop")
      let status = try await kubectl.run(
        "rollout", "status", "deployment/shop", "--timeout=2s")
      #expect(status.output.contains("Waiting for deployment \"shop\" rollout"))
      let watched = try await kubectl.run("get", "deployments", "-w", "--request-timeout=2s")
      #expect(watched.output.contains("shop"))
    }
  }

  @Test func `what typed clients send in binary form is understood`() async throws {
    try await Kubectl.with { kubectl in
      #expect(
        try await kubectl.succeed("create", "namespace", "other") == "namespace/other created\n")
      try await kubectl.succeed(
        "create", "configmap", "settings", "--from-literal=a=1", "--from-literal=b=2")
      try await kubectl.succeed("create", "secret", "generic", "url", "--from-literal=url=x")
      try await kubectl.succeed("create", "serviceaccount", "runner")
      try await kubectl.succeed(
        "create", "deployment", "web", "--image=registry.example.com/web:v1", "--replicas=2",
        "--port=80")
      try await kubectl.succeed(
        "create", "job", "once", "--image=registry.example.com/web:v1", "--", "true")
      try await kubectl.succeed(
        "create", "role", "reader", "--verb=get,list", "--resource=pods")
      try await kubectl.succeed(
        "create", "rolebinding", "readers", "--role=reader", "--serviceaccount=shop:runner")
      try await kubectl.succeed("create", "service", "clusterip", "web", "--tcp=80:8080")
      let state = "jsonpath={.data.a} {.data.b}"
      #expect(try await kubectl.succeed("get", "cm", "settings", "-o", state) == "1 2")
      let url = "jsonpath={.data.url}"
      #expect(try await kubectl.succeed("get", "secret", "url", "-o", url) == "eA==")
      let web =
        "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].ports[0]."
        + "containerPort} {.spec.selector.matchLabels.app}"
      #expect(try await kubectl.succeed("get", "deploy", "web", "-o", web) == "2 80 web")
      let port = "jsonpath={.spec.ports[0].port} {.spec.ports[0].targetPort}"
      #expect(try await kubectl.succeed("get", "svc", "web", "-o", port) == "80 8080")
      let services = try await kubectl.succeed("get", "services")
      #expect(services.contains("CLUSTER-IP") && services.contains("80/TCP"), "\(services)")
      #expect(try await kubectl.succeed("auth", "can-i", "create", "pods") == "yes\n")
      let who = try await kubectl.run(
        "auth", "can-i", "delete", "pods", "--as=system:serviceaccount:shop:runner")
      #expect(!who.output.isEmpty)
      #expect(
        try await kubectl.succeed("delete", "namespace", "other", "--wait=false")
          .contains("other"))
    }
  }
}
