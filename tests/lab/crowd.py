"""The crowd: pods by the thousand that controllers made and no node runs. What a kubelet would report of them is said here.

crowd.py KUBECONFIG COMMAND NUMBER...: started by crowd-up, crowd-down and crowd-stir."""

import base64
import hashlib
import http.client
import ipaddress
import json
import re
import ssl
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

NODE = "crowd-1"
SERVICES = ["checkout", "cart", "catalogue", "search", "payments", "accounts", "pricing", "reviews", "delivery", "mailer"]
# Enough for an API server to be busy on a machine where others are at work too.
AT_ONCE = 32

KUBECONFIG, COMMAND, *NUMBERS = sys.argv[1:]
with open(KUBECONFIG) as file:
    ADDRESS, AUTHORITY, TOKEN = re.search(r"https://(\S+).*authority-data: (\S+).*token: (\S+)", file.read(), re.DOTALL).groups()
TRUST = ssl.create_default_context(cadata=base64.b64decode(AUTHORITY).decode())

mine = threading.local()


class Refused(Exception):
    """What the API server would not do, and why."""


def call(method, path, body=None, kind="application/json", accept="application/json", allowed=()):
    """One request, on this thread's connection. Waits where the API server asks for it."""
    if not hasattr(mine, "connection"):
        mine.connection = http.client.HTTPSConnection(ADDRESS, context=TRUST, timeout=60)
    # It is noted in the object who changed what.
    manager = "kubelet" if method == "PATCH" else "kubectl"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind, "Accept": accept, "User-Agent": manager}
    while True:
        mine.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = mine.connection.getresponse()
        content = answer.read()
        if answer.status != 429:
            break
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    if answer.status >= 300 and answer.status not in allowed:
        raise Refused(f"{method} {path}: {answer.status} {content.decode(errors='replace')[:300]}")
    return json.loads(content)


def create(path, body):
    call("POST", path, body, allowed=[409])


def patch(path, body):
    # What was deleted meanwhile needs no status.
    call("PATCH", path, body, kind="application/strategic-merge-patch+json", allowed=[404])


def for_each(things, work):
    with ThreadPoolExecutor(AT_ONCE) as workers:
        # Asked for, so that what went wrong in a thread is heard of.
        return list(workers.map(work, things))


def moment(seconds_ago=0):
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def namespace_name(number):
    return f"crowd-{number:02}"


def deployment_name(number):
    return f"{SERVICES[number % len(SERVICES)]}-{number:03}"


def trouble(number):
    """What is wrong with a Deployment: of two hundred, with thirteen something is."""
    if number % 40 == 7:
        return "crashes"
    return {12: "unready", 33: "unpullable", 66: "unschedulable", 81: "oom"}.get(number % 100)


def image(number):
    return f"lab/{SERVICES[number % len(SERVICES)]}:v2.{number % 7}.{number % 5}"


def deployment(number, replicas):
    """As long as those of a real shop are, for the list of all pods to have the size of a real one."""
    name = deployment_name(number)
    labels = {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "crowd", "app.kubernetes.io/version": f"v2.{number % 7}"}
    container = {
        "name": SERVICES[number % len(SERVICES)],
        "image": image(number),
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", "--listen=0.0.0.0:8080", "--metrics=0.0.0.0:9090", f"--service={name}"],
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "DATABASE_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
        ]
        + [{"name": f"{other.upper()}_URL", "value": f"http://{other}.{namespace_name(0)}.svc.cluster.local:8080/api/v2"} for other in SERVICES[:3]],
        "envFrom": [{"configMapRef": {"name": f"{name}-settings"}}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/health", "port": "http"}, "initialDelaySeconds": 10},
        "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "failureThreshold": 30},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings", "readOnly": True}, {"name": "scratch", "mountPath": "/tmp"}],
    }
    spec = {
        "nodeName": NODE,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "settings", "configMap": {"name": f"{name}-settings"}}, {"name": "scratch", "emptyDir": {}}],
        "securityContext": {"fsGroup": 1000},
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": "kubernetes.io/hostname"}}
                ]
            }
        },
    }
    if trouble(number) == "unschedulable":
        # Nobody looks for a place for it again and again: nothing is to change in a crowd that is left alone.
        spec["schedulerName"] = "crowd"
        del spec["nodeName"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": {"kubernetes.io/change-cause": f"deploy v2.{number % 7}.{number % 5}"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": "9090",
                        "checksum/settings": f"{number:064x}",
                    },
                },
                "spec": spec,
            },
        },
    }


def container_status(number, pod, started, ready, restarts):
    killed = trouble(number) == "oom"
    identity = "containerd://" + hashlib.sha256(f"{pod} {restarts}".encode()).hexdigest()
    status = {
        "name": SERVICES[number % len(SERVICES)],
        "image": image(number),
        "imageID": f"sha256:{number:064x}",
        "containerID": identity,
        "ready": ready,
        "started": ready,
        "restartCount": restarts,
        "state": {"running": {"startedAt": moment() if restarts else started}},
        "lastState": {},
    }
    if restarts:
        ended = {"exitCode": 137 if killed else 1, "reason": "OOMKilled" if killed else "Error"}
        status["lastState"] = {"terminated": {**ended, "startedAt": started, "finishedAt": moment(), "containerID": identity}}
    return status


def pod_status(number, pod, place, started, ready=True, restarts=0):
    """What a kubelet would say of the pod at that place in its Deployment, as the trouble with it wants it."""
    what = trouble(number)
    if what == "unschedulable":
        told = "0/40 nodes are available: 40 Insufficient memory."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": told, "lastTransitionTime": started}
        return {"phase": "Pending", "conditions": [condition]}
    if what in ("crashes", "oom"):
        restarts = 7
    if what is not None and (what != "unready" or place % 2):
        ready = False
    container = container_status(number, pod, started, ready, restarts)
    name = container["name"]
    if what in ("crashes", "oom"):
        told = f"back-off 5m0s restarting failed container={name} pod={pod}"
        container["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": told}}
    elif what == "unpullable":
        container["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image(number)}"'}}
        container["imageID"] = container["containerID"] = ""
    done = {"status": "True", "lastTransitionTime": started}
    well = {"status": "True" if ready else "False", "lastTransitionTime": moment()}
    if not ready:
        well |= {"reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]"}
    address = str(ipaddress.ip_address("10.128.0.0") + 1000 * number + place + 1)
    return {
        "phase": "Pending" if what == "unpullable" else "Running",
        "conditions": [
            {"type": "Initialized", **done},
            {"type": "Ready", **well},
            {"type": "ContainersReady", **well},
            {"type": "PodScheduled", **done},
        ],
        "hostIP": "10.127.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "containerStatuses": [container],
    }


def report(namespace, started, number, pod, place, **how):
    patch(f"/api/v1/namespaces/{namespace}/pods/{pod}/status", {"status": pod_status(number, pod, place, started, **how)})


def namespaces():
    """Those of the crowd, and since when: their pods are as old, within seconds."""
    items = call("GET", "/api/v1/namespaces?labelSelector=lab%3Dcrowd")["items"]
    return [(item["metadata"]["name"], item["metadata"]["creationTimestamp"]) for item in items]


def pods_of(namespace):
    """Each pod's Deployment by its number, its name, and its place among those. As a table: a twentieth of what the pods would be."""
    table = call("GET", f"/api/v1/namespaces/{namespace}/pods?includeObject=None", accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    seen = Counter()
    pods = []
    for row in table["rows"] or []:
        name = row["cells"][0]
        number = int(name.split("-")[1])
        pods.append((number, name, seen[number]))
        seen[number] += 1
    return pods


def node():
    create("/api/v1/nodes", {"metadata": {"name": NODE, "labels": {"lab": "crowd"}}, "spec": {"taints": [{"key": "crowd", "effect": "NoSchedule"}]}})
    size = {"cpu": "4000", "memory": "16Ti", "pods": "20000"}
    condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "there is no kubelet", "lastHeartbeatTime": moment()}
    patch(f"/api/v1/nodes/{NODE}/status", {"status": {"capacity": size, "allocatable": size, "conditions": [condition]}})


def beat():
    """Keeps the node alive for its controllers, as kubelet does; without, they would call all of its pods not ready."""
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    create(leases, {"metadata": {"name": NODE}, "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40}})
    while True:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            patch(f"{leases}/{NODE}", {"spec": {"renewTime": now}})
        except (OSError, http.client.HTTPException, Refused):
            # The API server is away, or not yet all there again. A test may have done that, and mends it.
            del mine.connection
        time.sleep(10)


def up(pods, deployments, spread):
    node()
    where = {number: namespace_name(number % spread) for number in range(deployments)}
    replicas = {number: pods // deployments + (number < pods % deployments) for number in range(deployments)}
    names = sorted(set(where.values()))
    for_each(names, lambda name: create("/api/v1/namespaces", {"metadata": {"name": name, "labels": {"lab": "crowd"}}}))
    for_each(where, lambda number: create(f"/apis/apps/v1/namespaces/{where[number]}/deployments", deployment(number, replicas[number])))

    def settle(namespace):
        name, started = namespace
        wanted = sum(replicas[number] for number in where if where[number] == name)
        deadline = time.monotonic() + 600
        while len(pods := pods_of(name)) < wanted:
            if time.monotonic() > deadline:
                raise Refused(f"the controllers made {len(pods)} pods of the {wanted} in {name}")
            time.sleep(1)
        for pod in pods:
            report(name, started, *pod)

    for_each(namespaces(), settle)

    # Last, so that their endpoints are made once and not for every pod.
    def service(number):
        name = deployment_name(number)
        ports = [{"name": "http", "port": 80, "targetPort": "http"}]
        create(f"/api/v1/namespaces/{where[number]}/services", {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": ports}})

    for_each(where, service)


def stir(rate, seconds):
    """Changes so many statuses a second. In every hundred a pod is ready no more and the one before it is again, the others are restarts:
    it is four more changes by the controllers when a pod's readiness changes."""
    found = namespaces()
    sound = [
        (*namespace, *pod)
        for namespace, pods in zip(found, for_each(found, lambda namespace: pods_of(namespace[0])))
        for pod in pods
        if trouble(pod[0]) is None
    ]
    if not sound:
        raise Refused("there is no crowd; crowd-up makes one")
    # A pod does either of it: one that is ready again has not forgotten how often it was restarted.
    restarting, flipping = sound[::2], sound[1::2]
    random = 7919
    start = time.monotonic()

    def flip(turn, ready):
        report(*flipping[turn * random % len(flipping)], ready=ready)

    def change(turn):
        time.sleep(max(0, start + turn / rate - time.monotonic()))
        if turn % 100 == 0:
            flip(turn, ready=False)
        elif turn % 100 == 50 and turn > 100:
            flip(turn - 150, ready=True)
        else:
            report(*restarting[turn * random % len(restarting)], restarts=1 + turn // len(restarting))

    turns = rate * seconds
    for_each(range(turns), change)
    took = time.monotonic() - start
    for_each(range(0, turns, 100)[-2:], lambda turn: flip(turn, ready=True))
    print(f"{turns / took:.0f} changes a second for {took:.0f} s")
    if took > 1.1 * seconds:
        raise Refused(f"{rate} changes a second are more than this machine manages")


def down():
    for_each(namespaces(), lambda namespace: call("DELETE", f"/api/v1/namespaces/{namespace[0]}", allowed=[404, 409]))
    # No kubelet would ever confirm their end. What takes the API server too long is gone on with the next time round.
    at_once = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    while left := namespaces():
        for_each(left, lambda namespace: call("DELETE", f"/api/v1/namespaces/{namespace[0]}/pods", at_once, allowed=[404, 504]))
        time.sleep(1)
    call("DELETE", f"/api/v1/nodes/{NODE}", allowed=[404])


try:
    {"up": up, "down": down, "stir": stir, "beat": beat}[COMMAND](*map(int, NUMBERS))
except (OSError, http.client.HTTPException, Refused) as why:
    sys.exit(f"crowd: {why}")
